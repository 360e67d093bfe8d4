/*
 * Collectives between devices of ranks that keep their memory on the host.
 *
 * A sum is made stretch by stretch. Of a stretch, rank r is sent part r by all others, adds up in the order of
 * ranks, and sends the sum to all: each rank sends and gets 2 (N - 1) / N of the bytes, the least there is.
 */
#include <string.h>

#include "group/mpi/_mpi.h"

/* Floats. Long enough that a message's start does not show, short enough that what is sent, added and sent again
 * does not take the memory of the largest bucket. */
enum { STRETCH = 4 << 20, BLOCK = 2048 };

struct tn_comm {
    int rank, ranks;
    double stall;
    tn_mpi_mail mail;
    float *parts; /* what the others sent, a stretch's room */
    atomic_bool aborted;
    atomic_llong begun, finished; /* all-reduces with a mark */
};

static tn_status make_id(tn_comm_id *out)
{
    *out = (tn_comm_id){{0}}; /* the ranks know each other */
    return TN_OK;
}

/* Until all have come. */
static tn_status meet(tn_comm *c, const atomic_bool *aborted)
{
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_receive(&c->mail, i, NULL, 0));
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_send(&c->mail, i, NULL, 0));
    return tn_mpi_wait(&c->mail, c->stall, aborted);
}

static void leave(tn_comm *c)
{
    if (!c)
        return;
    tn_free(c->parts);
    tn_free(c);
}

static tn_status join(tn_backend_device *d, const tn_join_opts *o, tn_comm **out)
{
    static int groups; /* so many have been made, on each rank */
    enum { TAGS = 30000 };
    (void)d;
    const int tag = TN_MPI_GROUPS + groups++ % TAGS;
    tn_comm *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_no_memory("mpi", sizeof *c);
    *c = (tn_comm){.rank = o->rank, .ranks = o->ranks, .stall = o->stall, .mail = {.tag = tag}};
    c->parts = tn_alloc_aligned(STRETCH * sizeof *c->parts);
    const tn_status status =
        c->parts ? meet(c, o->given_up) : tn_no_memory("mpi", STRETCH * sizeof *c->parts);
    if (status != TN_OK) {
        leave(c);
        return status;
    }
    *out = c;
    return TN_OK;
}

/* ---- sums ----------------------------------------------------------------------------------- */

/* Where part i of a stretch of `count` begins. */
static size_t part(const tn_comm *c, size_t count, int i)
{
    return count * (size_t)i / (size_t)c->ranks;
}

static size_t part_bytes(const tn_comm *c, size_t count, int i)
{
    return (part(c, count, i + 1) - part(c, count, i)) * sizeof(float);
}

/* This rank's part, of all: x becomes the sum. That of rank i lies at parts + i * count, but for its own. */
static void add_up(const tn_comm *c, float *x, size_t count)
{
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        const size_t length = count - begin < BLOCK ? count - begin : BLOCK;
        float sum[BLOCK] = {0};
        for (int k = 0; k < c->ranks; k++) {
            const float *y = (k == c->rank ? x : c->parts + (size_t)k * count) + begin;
            for (size_t i = 0; i < length; i++)
                sum[i] += y[i];
        }
        memcpy(x + begin, sum, length * sizeof *sum);
    }
}

static tn_status reduce_stretch(tn_comm *c, float *x, size_t count)
{
    tn_mpi_mail *m = &c->mail;
    float *own = x + part(c, count, c->rank);
    const size_t bytes = part_bytes(c, count, c->rank), length = bytes / sizeof *x;
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_receive(m, i, c->parts + (size_t)i * length, bytes));
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_send(m, i, x + part(c, count, i), part_bytes(c, count, i)));
    TN_TRY(tn_mpi_wait(m, c->stall, &c->aborted));
    add_up(c, own, length);
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_receive(m, i, x + part(c, count, i), part_bytes(c, count, i)));
    for (int i = 0; i < c->ranks; i++)
        if (i != c->rank)
            TN_TRY(tn_mpi_send(m, i, own, bytes));
    return tn_mpi_wait(m, c->stall, &c->aborted);
}

static tn_status all_reduce(tn_comm *c, int mark, float *x, size_t count, tn_dtype as)
{
    (void)as; /* f32: a group asks for nothing else of ranks */
    /* Of each stretch, no part is longer than STRETCH / ranks: parts has room for all. */
    const size_t most = (size_t)(STRETCH / c->ranks * c->ranks);
    if (mark != TN_MARK_NONE)
        atomic_fetch_add(&c->begun, 1);
    for (size_t begin = 0; begin < count; begin += most)
        TN_TRY(reduce_stretch(c, x + begin, count - begin < most ? count - begin : most));
    if (mark != TN_MARK_NONE)
        atomic_fetch_add(&c->finished, 1);
    return TN_OK;
}

/* ---- the others ----------------------------------------------------------------------------- */

static tn_status broadcast(tn_comm *c, void *x, size_t bytes, int root)
{
    enum { MOST = 1 << 30 }; /* bytes of one message */
    char *at = x;
    for (size_t begin = 0; begin < bytes; begin += MOST) {
        const size_t length = bytes - begin < MOST ? bytes - begin : MOST;
        if (c->rank != root)
            TN_TRY(tn_mpi_receive(&c->mail, root, at + begin, length));
        for (int i = 0; c->rank == root && i < c->ranks; i++)
            if (i != root)
                TN_TRY(tn_mpi_send(&c->mail, i, at + begin, length));
        TN_TRY(tn_mpi_wait(&c->mail, c->stall, &c->aborted));
    }
    return TN_OK;
}

static tn_status barrier(tn_comm *c)
{
    return meet(c, &c->aborted);
}

static tn_status check(tn_comm *c)
{
    (void)c;
    return tn_mpi_heard();
}

static int64_t begun(const tn_comm *c)
{
    return atomic_load(&c->begun);
}

static int64_t finished(const tn_comm *c)
{
    return atomic_load(&c->finished);
}

static void abort_group(tn_comm *c)
{
    atomic_store(&c->aborted, true);
}

static const char *describe(const tn_comm *c)
{
    (void)c;
    return tn_mpi.text;
}

const tn_collectives tn_mpi_collectives = {
    .name = "mpi",
    .spans = true,
    .make_id = make_id,
    .join = join,
    .leave = leave,
    .all_reduce = all_reduce,
    .broadcast = broadcast,
    .barrier = barrier,
    .check = check,
    .begun = begun,
    .finished = finished,
    .abort = abort_group,
    .describe = describe,
};
