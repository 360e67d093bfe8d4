/* sched_getaffinity and CPU_COUNT are Linux's. */
#define _GNU_SOURCE

#include "base/thread.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

int tn_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    const int cores = CPU_COUNT(&set);
    return cores > 0 ? cores : 1;
}

double tn_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

tn_status tn_threads_start(tn_threads *t, int count, void *(*body)(void *), void (*stop)(void *),
                           void *arg)
{
    *t = (tn_threads){.thread = tn_alloc((size_t)count, sizeof *t->thread)};
    if (!t->thread)
        return tn_no_memory("threads", (size_t)count * sizeof *t->thread);
    for (; t->count < count; t->count++) {
        const int error = pthread_create(&t->thread[t->count], NULL, body, arg);
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
