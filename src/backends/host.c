/*
 * Collectives between threads of one process whose devices keep their memory on the host.
 *
 * An all-reduce is two meetings. In the first each member shows where its numbers are; then member r adds
 * up part r of all of them, always in the order of ranks, and writes the sum to everybody; the second is
 * for all parts to be there. So all have the same bits, and the same in every run.
 */
#define _POSIX_C_SOURCE 200809L /* pthread_condattr_setclock */

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "backends/collective.h"
#include "base/base.h"

enum { MOST_ROOMS = 64, MOST_RANKS = 64 };

/* Where members meet. In a table, so that making one cannot fail half-way through a group. */
typedef struct room {
    uint64_t id; /* 0: free */
    pthread_mutex_t lock;
    pthread_cond_t change;
    int ranks, gone; /* gone: left, or could not join */
    tn_comm *member[MOST_RANKS];
    uint64_t here;   /* who has come to this meeting, a bit a rank */
    int64_t meeting; /* how many there were */
    int working;     /* members that may be writing to others' memory */
    bool aborted;
    int missing; /* the rank that was waited for in vain; -1: another reason */
} room;

struct tn_comm {
    room *room;
    int rank;
    double stall;
    void *x;                      /* of the collective under way */
    atomic_llong begun, finished; /* all-reduces with a mark */
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static room table[MOST_ROOMS];
static uint64_t last_id;

/* ---- meetings ------------------------------------------------------------------------------- */

static struct timespec after(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const double whole = seconds < 1e8 ? seconds : 1e8;
    t.tv_sec += (time_t)whole;
    t.tv_nsec += (long)((whole - (double)(time_t)whole) * 1e9);
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static uint64_t everybody(const room *r)
{
    return r->ranks == 64 ? UINT64_MAX : (UINT64_C(1) << r->ranks) - 1;
}

/* With the lock held: waits for the others of this meeting. */
static bool wait_for_all(tn_comm *c)
{
    room *r = c->room;
    const int64_t meeting = r->meeting;
    const struct timespec until = after(c->stall);
    while (r->meeting == meeting && !r->aborted) {
        if (pthread_cond_timedwait(&r->change, &r->lock, &until) == 0)
            continue;
        if (r->meeting != meeting || r->aborted)
            break;
        r->aborted = true;
        for (r->missing = 0; r->here >> r->missing & 1; r->missing++)
            ;
        pthread_cond_broadcast(&r->change);
    }
    return r->meeting != meeting;
}

/* What members do between this meeting and the next one. */
typedef enum next { NOTHING, SHARED_WORK, AFTER_SHARED_WORK } next;

static tn_status meet(tn_comm *c, next then)
{
    room *r = c->room;
    pthread_mutex_lock(&r->lock);
    if (then == AFTER_SHARED_WORK && --r->working == 0)
        pthread_cond_broadcast(&r->change);
    r->here |= UINT64_C(1) << c->rank;
    bool met = !r->aborted && r->here == everybody(r);
    if (met) {
        r->here = 0;
        r->meeting++;
        r->working = then == SHARED_WORK ? r->ranks : 0;
        pthread_cond_broadcast(&r->change);
    } else {
        met = wait_for_all(c);
    }
    while (!met && r->working > 0) /* in this member's memory too */
        pthread_cond_wait(&r->change, &r->lock);
    const int missing = r->missing;
    pthread_mutex_unlock(&r->lock);
    if (met)
        return TN_OK;
    if (missing >= 0)
        return tn_fail(TN_ERR_DEVICE, "rank %d of %d did not come within %g s", missing, r->ranks,
                       c->stall);
    return tn_fail(TN_END, "the group was aborted");
}

/* ---- joining and leaving -------------------------------------------------------------------- */

static tn_status open_room(room *r)
{
    pthread_condattr_t clock;
    if (pthread_condattr_init(&clock) != 0)
        return tn_no_memory("group", sizeof clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    const int error = pthread_cond_init(&r->change, &clock);
    pthread_condattr_destroy(&clock);
    if (error != 0)
        return tn_no_memory("group", sizeof r->change);
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        pthread_cond_destroy(&r->change);
        return tn_no_memory("group", sizeof r->lock);
    }
    r->missing = -1;
    r->id = ++last_id;
    return TN_OK;
}

static tn_status make_id(tn_comm_id *out)
{
    room *r = table;
    tn_status status = TN_OK;
    *out = (tn_comm_id){{0}};
    pthread_mutex_lock(&table_lock);
    while (r < table + MOST_ROOMS && r->id != 0)
        r++;
    if (r == table + MOST_ROOMS)
        status = tn_fail(TN_ERR_DEVICE, "more than %d groups at a time", MOST_ROOMS);
    else
        status = open_room(r);
    if (status == TN_OK)
        memcpy(out->bytes, &r->id, sizeof r->id);
    pthread_mutex_unlock(&table_lock);
    return status;
}

/* One member fewer; the last one closes the room. */
static void go(room *r)
{
    pthread_mutex_lock(&table_lock);
    pthread_mutex_lock(&r->lock);
    const bool last = ++r->gone == r->ranks;
    pthread_mutex_unlock(&r->lock);
    if (last) {
        pthread_mutex_destroy(&r->lock);
        pthread_cond_destroy(&r->change);
        *r = (room){0};
    }
    pthread_mutex_unlock(&table_lock);
}

static void abort_room(room *r)
{
    pthread_mutex_lock(&r->lock);
    r->aborted = true;
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->lock);
}

static room *find_room(const tn_join_opts *o)
{
    room *found = NULL;
    uint64_t id;
    memcpy(&id, o->id.bytes, sizeof id);
    pthread_mutex_lock(&table_lock);
    for (int i = 0; i < MOST_ROOMS; i++)
        if (id != 0 && table[i].id == id)
            found = &table[i];
    if (found) {
        pthread_mutex_lock(&found->lock);
        found->ranks = o->ranks;
        pthread_mutex_unlock(&found->lock);
    }
    pthread_mutex_unlock(&table_lock);
    return found;
}

static tn_status join(tn_backend_device *d, const tn_join_opts *o, tn_comm **out)
{
    (void)d;
    if (o->ranks < 1 || o->ranks > MOST_RANKS || o->rank < 0 || o->rank >= o->ranks)
        return tn_fail(TN_ERR_ARGUMENT, "rank %d of %d: at most %d can be one group", o->rank,
                       o->ranks, MOST_RANKS);
    room *r = find_room(o);
    if (!r)
        return tn_fail(TN_ERR_ARGUMENT, "rank %d: there is no such group", o->rank);
    tn_comm *c = tn_alloc(1, sizeof *c);
    if (!c) {
        abort_room(r);
        go(r);
        return tn_no_memory("group", sizeof *c);
    }
    *c = (tn_comm){.room = r, .rank = o->rank, .stall = o->stall};
    pthread_mutex_lock(&r->lock);
    r->member[o->rank] = c;
    pthread_mutex_unlock(&r->lock);
    const tn_status status = meet(c, NOTHING);
    if (status != TN_OK) {
        go(r);
        tn_free(c);
        return status;
    }
    *out = c;
    return TN_OK;
}

static void leave(tn_comm *c)
{
    go(c->room);
    tn_free(c);
}

/* ---- what members do together --------------------------------------------------------------- */

enum { BLOCK = 2048, LINE = 16 }; /* floats that stay in the cache; in a cache line */

/* The nearest bf16, ties to even; NaN stays NaN. */
static float to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = isnan(x) ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* The sum of [begin, begin + count) of everybody's, to everybody. */
static void add_up(const room *r, size_t begin, size_t count, bool bf16)
{
    float sum[BLOCK] = {0};
    for (int k = 0; k < r->ranks; k++) {
        const float *x = (const float *)r->member[k]->x + begin;
        for (size_t i = 0; i < count; i++)
            sum[i] += bf16 ? to_bf16(x[i]) : x[i];
    }
    for (size_t i = 0; bf16 && i < count; i++)
        sum[i] = to_bf16(sum[i]);
    for (int k = 0; k < r->ranks; k++)
        memcpy((float *)r->member[k]->x + begin, sum, count * sizeof *sum);
}

static tn_status all_reduce(tn_comm *c, int mark, float *x, size_t count, tn_dtype as)
{
    const room *r = c->room;
    const size_t lines = (count + LINE - 1) / LINE, ranks = (size_t)r->ranks;
    const size_t first = lines * (size_t)c->rank / ranks * LINE;
    const size_t end_line = lines * ((size_t)c->rank + 1) / ranks * LINE;
    const size_t end = end_line < count ? end_line : count;
    c->x = x;
    if (mark != TN_MARK_NONE)
        atomic_fetch_add(&c->begun, 1);
    TN_TRY(meet(c, SHARED_WORK));
    for (size_t i = first; i < end; i += BLOCK)
        add_up(r, i, end - i < BLOCK ? end - i : BLOCK, as == TN_BF16);
    TN_TRY(meet(c, AFTER_SHARED_WORK));
    if (mark != TN_MARK_NONE)
        atomic_fetch_add(&c->finished, 1);
    return TN_OK;
}

static tn_status broadcast(tn_comm *c, void *x, size_t bytes, int root)
{
    c->x = x;
    TN_TRY(meet(c, SHARED_WORK));
    if (c->rank != root)
        memcpy(x, c->room->member[root]->x, bytes);
    return meet(c, AFTER_SHARED_WORK);
}

static tn_status barrier(tn_comm *c)
{
    return meet(c, NOTHING);
}

static tn_status check(tn_comm *c)
{
    pthread_mutex_lock(&c->room->lock);
    const bool aborted = c->room->aborted;
    pthread_mutex_unlock(&c->room->lock);
    return aborted ? tn_fail(TN_END, "the group was aborted") : TN_OK;
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
    abort_room(c->room);
}

static const char *describe(const tn_comm *c)
{
    (void)c;
    return "memory of the host";
}

const tn_collectives tn_host_collectives = {
    .name = "host",
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
