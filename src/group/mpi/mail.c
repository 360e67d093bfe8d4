/*
 * mail: messages sent and received, and the one way to wait for them.
 */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "group/mpi/_mpi.h"

static tn_status other_failed(void)
{
    return tn_fail(TN_END, "%s", tn_mpi.why);
}

static tn_status check(int code, const char *call)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (code == MPI_SUCCESS)
        return TN_OK;
    MPI_Error_string(code, text, &length);
    return tn_fail(TN_ERR_DEVICE, "MPI: %s: %s", call, text);
}

/* With the lock held: have all receives ended? */
static bool received(tn_mpi_mail *m)
{
    bool all = true;
    for (int i = 0; i < m->count; i++) {
        int there = 1;
        if (m->receives[i])
            MPI_Test(&m->request[i], &there, MPI_STATUS_IGNORE);
        all &= there != 0;
    }
    return all;
}

/* Receives that nobody has sent to are over at once; one that is on its way already cannot be cancelled, and ends unless
 * its sender stands still. What is to be sent is only read, while fail() tells the others; after that MPI is not
 * called any more. The error is kept. */
static void call_off(tn_mpi_mail *m)
{
    const double until = tn_now() + 0.5;
    bool ended;
    pthread_mutex_lock(&tn_mpi.lock);
    for (int i = 0; i < m->count; i++)
        if (m->receives[i] && m->request[i] != MPI_REQUEST_NULL)
            MPI_Cancel(&m->request[i]); /* nothing can be done about a failure, here or below */
    do
        ended = received(m);
    while (!ended && tn_now() < until);
    pthread_mutex_unlock(&tn_mpi.lock);
    m->count = 0;
}

static tn_status post_one(tn_mpi_mail *m, int peer, void *data, size_t bytes, bool receive)
{
    if (bytes > INT_MAX || m->count == 2 * TN_MAX_RANKS)
        return tn_fail(TN_ERR_ARGUMENT, "MPI: a message of %zu bytes to rank %d is too much", bytes,
                       peer);
    if (atomic_load(&tn_mpi.failed))
        return other_failed();
    m->peer[m->count] = peer;
    m->receives[m->count] = receive;
    MPI_Request *request = &m->request[m->count++];
    *request = MPI_REQUEST_NULL;
    pthread_mutex_lock(&tn_mpi.lock);
    const tn_status status =
        receive ? check(MPI_Irecv(data, (int)bytes, MPI_BYTE, peer, m->tag, tn_mpi.comm, request),
                        "MPI_Irecv")
                : check(MPI_Isend(data, (int)bytes, MPI_BYTE, peer, m->tag, tn_mpi.comm, request),
                        "MPI_Isend");
    pthread_mutex_unlock(&tn_mpi.lock);
    return status;
}

static tn_status post(tn_mpi_mail *m, int peer, void *data, size_t bytes, bool receive)
{
    const tn_status status = post_one(m, peer, data, bytes, receive);
    if (status != TN_OK)
        call_off(m);
    return status;
}

tn_status tn_mpi_receive(tn_mpi_mail *m, int peer, void *to, size_t bytes)
{
    return post(m, peer, to, bytes, true);
}

tn_status tn_mpi_send(tn_mpi_mail *m, int peer, const void *from, size_t bytes)
{
    union {
        const void *from;
        void *data;
    } same = {from}; /* which MPI only reads */
    return post(m, peer, same.data, bytes, false);
}

/* ---- failures of others --------------------------------------------------------------------- */

/* With the lock held. */
static void listen(void)
{
    int there = 0;
    MPI_Status from;
    if (atomic_load(&tn_mpi.failed) || tn_mpi.listening == MPI_REQUEST_NULL ||
        MPI_Test(&tn_mpi.listening, &there, &from) != MPI_SUCCESS || !there)
        return;
    tn_mpi.heard[sizeof tn_mpi.heard - 1] = 0;
    snprintf(tn_mpi.why, sizeof tn_mpi.why, "rank %d has failed: %s", from.MPI_SOURCE,
             tn_mpi.heard);
    atomic_store(&tn_mpi.failed, true);
}

tn_status tn_mpi_heard(void)
{
    pthread_mutex_lock(&tn_mpi.lock);
    listen();
    pthread_mutex_unlock(&tn_mpi.lock);
    return atomic_load(&tn_mpi.failed) ? other_failed() : TN_OK;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static tn_status look(tn_mpi_mail *m, bool *done)
{
    int all = 0;
    pthread_mutex_lock(&tn_mpi.lock);
    const tn_status status =
        check(MPI_Testall(m->count, m->request, &all, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (!all)
        listen();
    pthread_mutex_unlock(&tn_mpi.lock);
    *done = all;
    return status;
}

/* The one whose message is missing. What comes is asked for before what goes, so it is one that has not sent,
 * if there is such. */
static tn_status tell_missing(tn_mpi_mail *m, double stall)
{
    int missing = -1;
    pthread_mutex_lock(&tn_mpi.lock);
    for (int i = m->count; i-- > 0;) {
        int there = 0;
        if (MPI_Test(&m->request[i], &there, MPI_STATUS_IGNORE) != MPI_SUCCESS || !there)
            missing = m->peer[i];
    }
    pthread_mutex_unlock(&tn_mpi.lock);
    return tn_fail(TN_ERR_DEVICE, "rank %d of %d did not come within %g s", missing,
                   tn_mpi.place.ranks, stall);
}

static tn_status wait_for(tn_mpi_mail *m, double stall, const atomic_bool *aborted)
{
    const double until = tn_now() + stall;
    bool done = false;
    for (;;) {
        if (atomic_load(&tn_mpi.failed))
            return other_failed();
        if (aborted && atomic_load(aborted))
            return tn_fail(TN_END, "the group was aborted");
        TN_TRY(look(m, &done));
        if (done)
            break;
        if (tn_now() > until)
            return tell_missing(m, stall);
        sched_yield(); /* whom we wait for may want this core */
    }
    m->count = 0;
    return TN_OK;
}

tn_status tn_mpi_wait(tn_mpi_mail *m, double stall, const atomic_bool *aborted)
{
    const tn_status status = wait_for(m, stall, aborted);
    if (status != TN_OK)
        call_off(m);
    return status;
}
