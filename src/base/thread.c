/* sched_getaffinity and CPU_COUNT are Linux's, pthread_attr_setaffinity_np is GNU's. */
#define _GNU_SOURCE

#include "base/thread.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/cgroup.h"
#include "base/core_set.h"

/* ---- cores ---------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    int keepers; /* 0: none are kept */
    tn_core_set cores;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool get_kept(tn_core_set *cores)
{
    pthread_mutex_lock(&kept.lock);
    const bool any = kept.keepers > 0;
    if (any)
        *cores = kept.cores;
    pthread_mutex_unlock(&kept.lock);
    return any;
}

/* None if the system does not say. */
static void get_cores(tn_core_set *cores)
{
    if (!get_kept(cores) && sched_getaffinity(0, sizeof *cores, &cores->set) != 0)
        CPU_ZERO_S(sizeof *cores, &cores->set);
}

int tn_cores(void)
{
    tn_core_set cores;
    get_cores(&cores);
    const int count = CPU_COUNT_S(sizeof cores, &cores.set), quota = tn_cgroup_cores("");
    if (quota > 0 && quota < count)
        return quota;
    return count > 0 ? count : 1;
}

int tn_cores_list(int *core, int most)
{
    tn_core_set cores;
    int count = 0;
    get_cores(&cores);
    for (int c = 0; c < TN_MOST_CORES && count < most; c++)
        if (CPU_ISSET_S(c, sizeof cores, &cores.set))
            core[count++] = c;
    return count;
}

tn_status tn_cores_keep(void)
{
    tn_status status = TN_OK;
    pthread_mutex_lock(&kept.lock);
    if (kept.keepers == 0 && sched_getaffinity(0, sizeof kept.cores, &kept.cores.set) != 0)
        status = tn_fail(TN_ERR_DEVICE, "the system does not say which cores may be used: %s",
                         strerror(errno));
    kept.keepers += status == TN_OK;
    pthread_mutex_unlock(&kept.lock);
    return status;
}

void tn_cores_let_go(void)
{
    pthread_mutex_lock(&kept.lock);
    kept.keepers--;
    pthread_mutex_unlock(&kept.lock);
}

/* ---- time and threads ----------------------------------------------------------------------- */

double tn_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int tn_thread_start(pthread_t *thread, void *(*body)(void *), void *arg)
{
    tn_core_set cores;
    pthread_attr_t attr;
    if (!get_kept(&cores))
        return pthread_create(thread, NULL, body, arg);
    int error = pthread_attr_init(&attr);
    if (error != 0)
        return error;
    error = pthread_attr_setaffinity_np(&attr, sizeof cores, &cores.set);
    if (error == 0)
        error = pthread_create(thread, &attr, body, arg);
    pthread_attr_destroy(&attr);
    return error;
}

tn_status tn_threads_start(tn_threads *t, int count, void *(*body)(void *), void (*stop)(void *),
                           void *arg)
{
    *t = (tn_threads){.thread = tn_alloc((size_t)count, sizeof *t->thread)};
    if (!t->thread)
        return tn_no_memory("threads", (size_t)count * sizeof *t->thread);
    for (; t->count < count; t->count++) {
        const int error = tn_thread_start(&t->thread[t->count], body, arg);
        if (error != 0) {
            stop(arg);
            const int started = t->count;
            tn_threads_join(t);
            return tn_fail(TN_ERR_MEMORY, "thread %d of %d did not start: %s", started + 1, count,
                           strerror(error));
        }
    }
    return TN_OK;
}

void tn_threads_join(tn_threads *t)
{
    for (int i = 0; i < t->count; i++)
        pthread_join(t->thread[i], NULL);
    tn_free(t->thread);
    *t = (tn_threads){0};
}
