/*
 * pin: the threads that compute for a device, each on a core of its own.
 *
 * Why a team is looked at again and again: libgomp ends threads where a loop asks for fewer than the one before, as
 * some of oneDNN's do, and starts others for the next. Those inherit the mask of the thread that starts them: its one
 * core, on which all of them would run. So threads that end are counted, and a team is bound anew if any has.
 */
#define _GNU_SOURCE /* CPU_SET, pthread_setaffinity_np */

#include "backends/cpu/device/pin.h"

#include "base/base.h"

#ifdef __linux__

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/core_set.h"
#include "base/thread.h"

/* A thread that is bound: it, what for, and what it might use before. A list; who ends leaves it. */
typedef struct bound {
    pthread_t thread;
    const tn_pin *pin; /* NULL: not in the list */
    int core;
    tn_core_set before;
    struct bound *next, **link;
} bound;

static struct {
    pthread_mutex_t lock;
    int pins;                 /* open ones */
    pthread_key_t ending;     /* while there are any: tells of threads that end */
    int users[TN_MOST_CORES]; /* pins that have the core */
    bound *first;
    atomic_long changes; /* how often a bound thread has ended, or was given its cores back */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bound self;

/* Of a thread that runs plans: for which its team was bound last, and all.changes then. */
static _Thread_local struct {
    const tn_pin *pin;
    long changes;
} team;

/* ---- the list: with the lock held ----------------------------------------------------------- */

static void enlist(bound *b)
{
    b->next = all.first;
    b->link = &all.first;
    if (b->next)
        b->next->link = &b->next;
    all.first = b;
}

static void delist(bound *b)
{
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
    b->pin = NULL;
    atomic_fetch_add(&all.changes, 1);
}

static void give_back(const tn_pin *p)
{
    for (bound *b = all.first, *next; b; b = next) {
        next = b->next;
        if (b->pin != p)
            continue;
        /* Nobody can be told if these cores have been taken from the process meanwhile. */
        (void)pthread_setaffinity_np(b->thread, sizeof b->before, &b->before.set);
        delist(b);
    }
}

/* ---- threads -------------------------------------------------------------------------------- */

static void thread_ends(void *arg)
{
    bound *b = arg;
    pthread_mutex_lock(&all.lock);
    if (b->pin)
        delist(b);
    pthread_mutex_unlock(&all.lock);
}

static int set_core(int core)
{
    tn_core_set one;
    CPU_ZERO_S(sizeof one, &one.set);
    CPU_SET_S(core, sizeof one, &one.set);
    return pthread_setaffinity_np(pthread_self(), sizeof one, &one.set);
}

/* The calling thread. `before`: what it inherited is another's core, this is what it shall have afterwards. With the
 * lock held; returns what pthread_setaffinity_np() does. */
static int bind_self(const tn_pin *p, int core, const tn_core_set *before)
{
    if (self.pin == p && self.core == core)
        return 0;
    if (!self.pin) {
        self.thread = pthread_self();
        int error = pthread_setspecific(all.ending, &self);
        if (error == 0 && !before)
            error = pthread_getaffinity_np(self.thread, sizeof self.before, &self.before.set);
        if (error != 0)
            return error;
        if (before)
            self.before = *before;
    }
    const int error = set_core(core);
    if (error != 0)
        return error;
    if (!self.pin)
        enlist(&self);
    self.pin = p;
    self.core = core;
    return 0;
}

static tn_status bind_team(const tn_pin *p, const tn_core_set *before)
{
    int failed = 0, error = 0;
#pragma omp parallel num_threads(p->threads)
    {
        const int me = omp_get_thread_num();
        pthread_mutex_lock(&all.lock);
        const int mine = bind_self(p, p->core[me], before);
        if (mine != 0) {
            failed = me;
            error = mine;
        }
        pthread_mutex_unlock(&all.lock);
    }
    if (error == 0)
        return TN_OK;
    pthread_mutex_lock(&all.lock);
    give_back(p);
    pthread_mutex_unlock(&all.lock);
    return tn_fail(TN_ERR_DEVICE, "cpu: pin=on: thread %d of %d cannot be bound to core %d: %s",
                   failed + 1, p->threads, p->core[failed], strerror(error));
}

tn_status tn_pin_team(const tn_pin *p)
{
    if (!p)
        return TN_OK;
    const long changes = atomic_load(&all.changes);
    if (team.pin == p && team.changes == changes)
        return TN_OK;
    pthread_mutex_lock(&all.lock);
    const bool inherits = self.pin != NULL;
    const tn_core_set before = self.before;
    pthread_mutex_unlock(&all.lock);
    TN_TRY(bind_team(p, inherits ? &before : NULL));
    team.pin = p;
    team.changes = changes;
    return TN_OK;
}

/* ---- opening and closing: with the lock held ------------------------------------------------ */

static void choose_cores(tn_pin *p, const int *core, int cores, int first)
{
    tn_core_set own;
    CPU_ZERO_S(sizeof own, &own.set);
    for (int t = 0; t < p->threads; t++) {
        int best = -1;
        for (int i = 0; i < cores; i++) {
            const int c = core[(first + i) % cores];
            if (!CPU_ISSET_S(c, sizeof own, &own.set) &&
                (best < 0 || all.users[c] < all.users[best]))
                best = c;
        }
        p->core[t] = best;
        all.users[best]++;
        CPU_SET_S(best, sizeof own, &own.set);
    }
}

static tn_status take_cores(tn_pin *p, const tn_cpu_opts *opts)
{
    int core[TN_MOST_CORES];
    const int cores = tn_cores_list(core, TN_MOST_CORES);
    if (opts->all > cores)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "cpu: pin=on: %d threads%s want a core each, but this process may use %d", opts->all,
            opts->all > opts->threads ? ", of all replicas and ranks together," : "", cores);
    if (all.pins == 0 && pthread_key_create(&all.ending, thread_ends) != 0)
        return tn_fail(TN_ERR_DEVICE, "cpu: pin=on: this process has no thread-specific key left");
    all.pins++;
    choose_cores(p, core, cores, opts->first);
    return TN_OK;
}

/* ---- opening and closing -------------------------------------------------------------------- */

static tn_status open_pin(tn_pin **out, const tn_cpu_opts *opts)
{
    const size_t bytes = sizeof(tn_pin) + (size_t)opts->threads * sizeof(int);
    tn_pin *p = tn_alloc(1, bytes);
    if (!p)
        return tn_no_memory("cpu", bytes);
    p->threads = opts->threads;
    pthread_mutex_lock(&all.lock);
    const tn_status status = take_cores(p, opts);
    pthread_mutex_unlock(&all.lock);
    if (status != TN_OK) {
        tn_free(p);
        return status;
    }
    *out = p;
    return TN_OK;
}

tn_status tn_pin_open(tn_pin **out, const tn_cpu_opts *opts)
{
    if (omp_get_proc_bind() != omp_proc_bind_false)
        return tn_fail(TN_ERR_UNSUPPORTED, "cpu: pin=on: OpenMP binds its threads itself, as "
                                           "OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY says");
    TN_TRY(tn_cores_keep());
    const tn_status status = open_pin(out, opts);
    if (status != TN_OK)
        tn_cores_let_go();
    return status;
}

void tn_pin_close(tn_pin *p)
{
    if (!p)
        return;
    if (team.pin == p)
        (void)tn_pin_team(
            p); /* threads that have inherited a core since are to be given back too */
    pthread_mutex_lock(&all.lock);
    give_back(p);
    for (int t = 0; t < p->threads; t++)
        all.users[p->core[t]]--;
    atomic_fetch_add(&all.changes, 1); /* another pin may lie where this one did */
    if (--all.pins == 0)
        pthread_key_delete(all.ending);
    pthread_mutex_unlock(&all.lock);
    tn_cores_let_go();
    tn_free(p);
}

#else

tn_status tn_pin_open(tn_pin **out, const tn_cpu_opts *opts)
{
    (void)out, (void)opts;
    return tn_fail(TN_ERR_UNSUPPORTED, "cpu: pin=on: binding threads to cores needs Linux");
}

void tn_pin_close(tn_pin *p)
{
    (void)p;
}

tn_status tn_pin_team(const tn_pin *p)
{
    (void)p;
    return TN_OK;
}

#endif
