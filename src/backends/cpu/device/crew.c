#ifdef __linux__
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif

#include "backends/cpu/device/crew.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"
#include "base/core_set.h"
#include "base/thread.h"

enum {
    PIECES = 16, /* of a thread's stretch */
    LINE = 64,   /* bytes that processors hand to each other */
    LOOKS = 64,  /* between two at the clock */
};
static const double patience = 50e-6; /* seconds that somebody looks before he sleeps */

/* A thread's stretch of pieces: the next one, and behind it the end, in one number. */
typedef struct lane {
    alignas(LINE) _Atomic uint64_t left;
    pthread_t thread;
} lane;

struct tn_crew {
    /* The loop. Written while no piece is left, read by who has taken one. */
    tn_work *work;
    const void *of;
    int64_t count, size; /* items, and those of a piece */
    int threads;
    unsigned forks; /* of this process, when the crew was made */
    atomic_int numbers;
    atomic_bool taken, over, caller_sleeps;
    pthread_mutex_t lock;
    pthread_cond_t begun, done;
    alignas(LINE) atomic_int undone; /* pieces */
    alignas(LINE) atomic_uint loops; /* begun so far */
    atomic_int sleepers;
    alignas(LINE) lane lane[];
};

/* ---- forks ---------------------------------------------------------------------------------- */

static atomic_uint forks;
static pthread_once_t watched = PTHREAD_ONCE_INIT;

static void has_forked(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, has_forked); /* fails for want of memory alone */
}

bool tn_crew_forked(void)
{
    return atomic_load(&forks) > 0;
}

static bool is_here(const tn_crew *t)
{
    return t->forks == atomic_load(&forks);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void pause_a_little(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static bool has_begun(const tn_crew *t, unsigned seen)
{
    return atomic_load(&t->loops) != seen;
}

static bool is_done(const tn_crew *t, unsigned unused)
{
    (void)unused;
    return atomic_load(&t->undone) == 0;
}

static bool look(const tn_crew *t, bool (*there)(const tn_crew *, unsigned), unsigned seen)
{
    const double end = tn_now() + patience;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (there(t, seen))
                return true;
            pause_a_little();
        }
    } while (tn_now() < end);
    return false;
}

static void await_loop(tn_crew *t, unsigned seen)
{
    if (look(t, has_begun, seen))
        return;
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->sleepers, 1);
    while (!has_begun(t, seen))
        pthread_cond_wait(&t->begun, &t->lock);
    atomic_fetch_sub(&t->sleepers, 1);
    pthread_mutex_unlock(&t->lock);
}

static void await_pieces(tn_crew *t)
{
    if (look(t, is_done, 0))
        return;
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->caller_sleeps, true);
    while (!is_done(t, 0))
        pthread_cond_wait(&t->done, &t->lock);
    atomic_store(&t->caller_sleeps, false);
    pthread_mutex_unlock(&t->lock);
}

/* Tells those that look and those that sleep. */
static void begin_loop(tn_crew *t)
{
    atomic_fetch_add(&t->loops, 1);
    if (atomic_load(&t->sleepers) == 0)
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->begun);
    pthread_mutex_unlock(&t->lock);
}

static void end_pieces(tn_crew *t, int count)
{
    if (atomic_fetch_sub(&t->undone, count) != count || !atomic_load(&t->caller_sleeps))
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->lock);
}

/* ---- pieces --------------------------------------------------------------------------------- */

static uint64_t stretch(uint32_t first, uint32_t end)
{
    return (uint64_t)end << 32 | first;
}

/* The owner's next piece, or somebody else's last one. */
static bool take_from(lane *l, bool own, int64_t *piece)
{
    uint64_t was = atomic_load(&l->left), becomes;
    do {
        const uint32_t first = (uint32_t)was, end = (uint32_t)(was >> 32);
        if (first >= end)
            return false;
        *piece = own ? first : end - 1;
        becomes = own ? stretch(first + 1, end) : stretch(first, end - 1);
    } while (!atomic_compare_exchange_weak(&l->left, &was, becomes));
    return true;
}

static bool take(tn_crew *t, int me, int64_t *piece)
{
    for (int i = 0; i < t->threads; i++)
        if (take_from(&t->lane[(me + i) % t->threads], i == 0, piece))
            return true;
    return false;
}

/* Whatever pieces there are. Until end_pieces() the loop is the one that they are of. */
static void work_on(tn_crew *t, int me)
{
    int count = 0;
    for (int64_t piece; take(t, me, &piece); count++) {
        const int64_t begin = piece * t->size, end = begin + t->size;
        t->work(t->of, (tn_piece){begin, end < t->count ? end : t->count, me});
    }
    if (count > 0)
        end_pieces(t, count);
}

static void *worker(void *arg)
{
    tn_crew *t = arg;
    const int me = 1 + atomic_fetch_add(&t->numbers, 1);
    for (unsigned seen = 0; !atomic_load(&t->over);) {
        await_loop(t, seen);
        seen = atomic_load(&t->loops);
        work_on(t, me);
    }
    return NULL;
}

static void share_out(tn_crew *t, int64_t count, int64_t size, tn_work *work, const void *of)
{
    const int64_t pieces = (count + size - 1) / size;
    t->work = work;
    t->of = of;
    t->count = count;
    t->size = size;
    atomic_store(&t->undone, (int)pieces);
    for (int i = 0; i < t->threads; i++)
        atomic_store(&t->lane[i].left, stretch((uint32_t)(pieces * i / t->threads),
                                               (uint32_t)(pieces * (i + 1) / t->threads)));
}

void tn_crew_run(tn_crew *t, int64_t count, int64_t grain, tn_work *work, const void *of)
{
    const int64_t most = t ? (int64_t)t->threads * PIECES : 1, even = (count + most - 1) / most;
    const int64_t size = (even + grain - 1) / grain * grain;
    if (count <= 0)
        return;
    if (!t || count <= size || !is_here(t) || atomic_exchange(&t->taken, true)) {
        work(of, (tn_piece){0, count, 0});
        return;
    }
    share_out(t, count, size, work, of);
    begin_loop(t);
    work_on(t, 0);
    await_pieces(t);
    atomic_store(&t->taken, false);
}

/* ---- opening and closing -------------------------------------------------------------------- */

static int bind_to(pthread_t thread, int core)
{
#ifdef __linux__
    tn_core_set one;
    CPU_ZERO_S(sizeof one, &one.set);
    CPU_SET_S(core, sizeof one, &one.set);
    return pthread_setaffinity_np(thread, sizeof one, &one.set);
#else
    (void)thread, (void)core;
    return 0;
#endif
}

static tn_status start_workers(tn_crew *t, int threads, const int *core)
{
    int error = 0;
    while (t->threads < threads && tn_thread_start(&t->lane[t->threads].thread, worker, t) == 0)
        t->threads++;
    int i = 1;
    for (; core && error == 0 && i < t->threads; i += error == 0)
        error = bind_to(t->lane[i].thread, core[i]);
    if (error == 0)
        return TN_OK;
    return tn_fail(TN_ERR_DEVICE, "cpu: pin=on: thread %d of %d cannot be bound to core %d: %s",
                   i + 1, t->threads, core[i], strerror(error));
}

tn_status tn_crew_open(tn_crew **out, int threads, const int *core)
{
    const size_t bytes = sizeof(tn_crew) + (size_t)threads * sizeof(lane);
    *out = NULL;
    if (threads == 1)
        return TN_OK;
    tn_crew *t = tn_alloc_aligned(bytes);
    if (!t)
        return tn_no_memory("cpu", bytes);
    memset(t, 0, bytes);
    pthread_once(&watched, watch_forks);
    t->forks = atomic_load(&forks);
    t->threads = 1;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->begun, NULL);
    pthread_cond_init(&t->done, NULL);
    const tn_status status = start_workers(t, threads, core);
    if (status != TN_OK || t->threads == 1) {
        tn_crew_close(t);
        return status;
    }
    *out = t;
    return TN_OK;
}

void tn_crew_close(tn_crew *t)
{
    if (!t)
        return;
    if (is_here(t)) {
        atomic_store(&t->over, true);
        begin_loop(t);
        for (int i = 1; i < t->threads; i++)
            pthread_join(t->lane[i].thread, NULL);
        pthread_cond_destroy(&t->done);
        pthread_cond_destroy(&t->begun);
        pthread_mutex_destroy(&t->lock);
    }
    tn_free(t);
}

int tn_crew_size(const tn_crew *t)
{
    return t ? t->threads : 1;
}
