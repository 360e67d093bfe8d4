/*
 * world: MPI begun and ended, who is on which host, and what all ranks tell each other.
 */
#define _GNU_SOURCE /* sched_getaffinity */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/module.h"
#include "base/thread.h"
#include "group/mpi/_mpi.h"

tn_mpi_world tn_mpi = {.lock = PTHREAD_MUTEX_INITIALIZER, .listening = MPI_REQUEST_NULL};

static const double first_stall = 120; /* s, until all have come the first time */

/* ---- failures ------------------------------------------------------------------------------- */

/* Until the others have it, or half a second has gone: one may be gone itself. */
static void send_failure(const char *text)
{
    static char said[sizeof tn_mpi.heard];
    static MPI_Request request[TN_MAX_RANKS];
    const double until = tn_now() + 0.5;
    int sent = 0;
    snprintf(said, sizeof said, "%s", text);
    for (int i = 0; i < tn_mpi.place.ranks; i++) {
        request[i] = MPI_REQUEST_NULL;
        if (i != tn_mpi.place.rank)
            MPI_Isend(said, sizeof said, MPI_BYTE, i, TN_MPI_FAILED, tn_mpi.comm, &request[i]);
    }
    while (!sent && tn_now() < until)
        if (MPI_Testall(tn_mpi.place.ranks, request, &sent, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
            return;
}

static void fail(const char *text)
{
    pthread_mutex_lock(&tn_mpi.lock);
    if (!atomic_exchange(&tn_mpi.failed, true)) {
        snprintf(tn_mpi.why, sizeof tn_mpi.why, "%s", text);
        send_failure(text);
    }
    pthread_mutex_unlock(&tn_mpi.lock);
}

/* ---- together ------------------------------------------------------------------------------- */

static tn_status exchange(double stall, const void *own, size_t bytes, void *all)
{
    tn_mpi_mail mail = {.tag = TN_MPI_GATHER};
    char *to = all;
    const int me = tn_mpi.place.rank;
    if (own != to + (size_t)me * bytes)
        memcpy(to + (size_t)me * bytes, own, bytes);
    for (int i = 0; i < tn_mpi.place.ranks; i++)
        if (i != me)
            TN_TRY(tn_mpi_receive(&mail, i, to + (size_t)i * bytes, bytes));
    for (int i = 0; i < tn_mpi.place.ranks; i++)
        if (i != me)
            TN_TRY(tn_mpi_send(&mail, i, to + (size_t)me * bytes, bytes));
    return tn_mpi_wait(&mail, stall, NULL);
}

/* One that fails has left the others at another place: they are told. */
static tn_status gather(double stall, const void *own, size_t bytes, void *all)
{
    const tn_status status = exchange(stall, own, bytes, all);
    if (status != TN_OK)
        fail(tn_error());
    return status;
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* What a rank tells of where it runs. */
typedef struct where {
    char host[256];
    cpu_set_t cores;
} where;

static tn_status find_place(tn_rank_place *p)
{
    where own = {.host = ""}, *all = tn_alloc((size_t)p->ranks, sizeof *all);
    if (!all)
        return tn_no_memory("MPI", (size_t)p->ranks * sizeof *all);
    gethostname(own.host, sizeof own.host - 1);
    sched_getaffinity(0, sizeof own.cores, &own.cores);
    const tn_status status = gather(first_stall, &own, sizeof own, all);
    for (int i = 0; status == TN_OK && i < p->ranks; i++) {
        cpu_set_t both;
        CPU_AND(&both, &own.cores, &all[i].cores);
        const bool here = strcmp(own.host, all[i].host) == 0, near = here && CPU_COUNT(&both) > 0;
        p->nears += near;
        p->near += near && i < p->rank;
        p->number += here && i < p->rank;
    }
    tn_free(all);
    return status;
}

/* Without a launcher MPI would make each process rank 0 of 1, or end it. */
static bool is_launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_FD"};
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (getenv(names[i]))
            return true;
    return false;
}

static tn_status initialise(void)
{
    int there = 0, threads = 0;
    MPI_Initialized(&there);
    if (there) {
        MPI_Query_thread(&threads);
    } else {
        if (!is_launched())
            return tn_fail(TN_ERR_DEVICE, "mpi: this process was not started by mpirun (or by srun "
                                          "with --mpi): mpirun -np 2 program ...");
        if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &threads) != MPI_SUCCESS)
            return tn_fail(TN_ERR_DEVICE, "mpi: MPI_Init_thread failed");
        tn_mpi.ours = true;
    }
    if (threads < MPI_THREAD_SERIALIZED)
        return tn_fail(TN_ERR_UNSUPPORTED, "mpi: this MPI allows calls from one thread only");
    return TN_OK;
}

/* When the program ends. If it ends with a device still open it has failed: then the others are not waited for, as
 * MPI_Finalize() would, and mpirun ends them. */
static void finish(void)
{
    if (!tn_mpi.ours || tn_mpi.open > 0 || atomic_load(&tn_mpi.failed))
        return;
    MPI_Cancel(&tn_mpi.listening); /* nothing can be done about failures here */
    MPI_Wait(&tn_mpi.listening, MPI_STATUS_IGNORE);
    MPI_Finalize();
}

static tn_status enter(void)
{
    TN_TRY(initialise());
    if (tn_mpi.ours && atexit(finish) != 0)
        return tn_no_memory("mpi", sizeof tn_mpi);
    if (MPI_Comm_dup(MPI_COMM_WORLD, &tn_mpi.comm) != MPI_SUCCESS)
        return tn_fail(TN_ERR_DEVICE, "mpi: MPI_Comm_dup failed");
    MPI_Comm_set_errhandler(tn_mpi.comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(tn_mpi.comm, &tn_mpi.place.rank);
    MPI_Comm_size(tn_mpi.comm, &tn_mpi.place.ranks);
    if (tn_mpi.place.ranks > TN_MAX_RANKS)
        return tn_fail(TN_ERR_UNSUPPORTED, "mpi: %d ranks are more than %d", tn_mpi.place.ranks,
                       TN_MAX_RANKS);
    int length = 0;
    MPI_Get_library_version(tn_mpi.text, &length);
    tn_mpi.text[strcspn(tn_mpi.text, ",\n")] = 0; /* "Open MPI v4.1.4, package: ..." */
    MPI_Irecv(tn_mpi.heard, sizeof tn_mpi.heard, MPI_BYTE, MPI_ANY_SOURCE, TN_MPI_FAILED,
              tn_mpi.comm, &tn_mpi.listening);
    return find_place(&tn_mpi.place);
}

static tn_status begin(tn_rank_place *out)
{
    if (atomic_load(&tn_mpi.failed))
        return tn_fail(TN_ERR_DEVICE, "mpi: the ranks have failed before: %s", tn_mpi.why);
    if (!tn_mpi.begun)
        TN_TRY(enter());
    tn_mpi.begun = true;
    tn_mpi.open++;
    *out = tn_mpi.place;
    return TN_OK;
}

static void end(void)
{
    tn_mpi.open--;
}

static const char *describe(void)
{
    return tn_mpi.text;
}

/* ---- the module ----------------------------------------------------------------------------- */

TN_API tn_module_entry tn_module_open;

const void *tn_module_open(const tn_host *host)
{
    static const tn_ranks ranks = {
        .name = "mpi",
        .begin = begin,
        .end = end,
        .gather = gather,
        .fail = fail,
        .check = tn_mpi_heard,
        .describe = describe,
        .collectives = &tn_mpi_collectives,
    };
    return tn_lent_by(host) ? &ranks : NULL;
}
