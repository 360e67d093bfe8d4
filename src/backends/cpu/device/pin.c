/* pin: the threads that compute for a device, each on a core of its own; here those that run plans. */
#define _GNU_SOURCE /* CPU_SET, pthread_setaffinity_np */

#include "backends/cpu/device/pin.h"

#include "base/base.h"

#ifdef __linux__

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/core_set.h"
#include "base/thread.h"

/* A thread that is bound: it, what for, and what it might use before. A list; who ends leaves it. */
typedef struct bound {
    pthread_t thread;
    const tn_pin *pin; /* NULL: not in the list */
    tn_core_set before;
    struct bound *next, **link;
} bound;

static struct {
    pthread_mutex_t lock;
    int pins;                 /* open ones */
    pthread_key_t ending;     /* while there are any: tells of threads that end */
    int users[TN_MOST_CORES]; /* pins that have the core */
    bound *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bound self;

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

/* The calling thread. With the lock held; returns what pthread_setaffinity_np() does. */
static int bind_self(const tn_pin *p)
{
    if (self.pin == p)
        return 0;
    if (!self.pin) {
        self.thread = pthread_self();
        int error = pthread_setspecific(all.ending, &self);
        if (error == 0)
            error = pthread_getaffinity_np(self.thread, sizeof self.before, &self.before.set);
        if (error != 0)
            return error;
    }
    const int error = set_core(p->core[0]);
    if (error != 0)
        return error;
    if (!self.pin)
        enlist(&self);
    self.pin = p;
    return 0;
}

tn_status tn_pin_caller(const tn_pin *p)
{
    if (!p)
        return TN_OK;
    pthread_mutex_lock(&all.lock);
    const int error = bind_self(p);
    if (error != 0)
        give_back(p);
    pthread_mutex_unlock(&all.lock);
    if (error == 0)
        return TN_OK;
    return tn_fail(TN_ERR_DEVICE, "cpu: pin=on: thread 1 of %d cannot be bound to core %d: %s",
                   p->threads, p->core[0], strerror(error));
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
    pthread_mutex_lock(&all.lock);
    give_back(p);
    for (int t = 0; t < p->threads; t++)
        all.users[p->core[t]]--;
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

tn_status tn_pin_caller(const tn_pin *p)
{
    (void)p;
    return TN_OK;
}

#endif
