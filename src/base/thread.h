/*
 * The few helpers over POSIX threads that the loader and the tests share.
 */
#ifndef TN_THREAD_H
#define TN_THREAD_H

#include <pthread.h>

#include <tenon/status.h>

/* Cores this process may use, at least 1: those of the calling thread, but no more than it is given the time of, by
 * quotas of control groups. */
int tn_cores(void);
/* The numbers of the calling thread's, in order, of the first `most`. Returns how many. */
int tn_cores_list(int *core, int most);

/* From now on, until it was let go as often as it was kept, the process's cores are those that the calling thread has
 * now, and threads that are started get all of them: threads of the process are going to be bound to fewer. */
tn_status tn_cores_keep(void);
void tn_cores_let_go(void);

/* Seconds on a clock that only goes forward. */
double tn_now(void);

/* One thread that runs body(arg), on all of the process's cores. Returns what pthread_create() does. */
int tn_thread_start(pthread_t *thread, void *(*body)(void *), void *arg);

/* Starts `count` threads that run body(arg). On failure those already started are joined after
 * `stop(arg)` has told them to end. */
typedef struct tn_threads {
    pthread_t *thread;
    int count;
} tn_threads;
tn_status tn_threads_start(tn_threads *t, int count, void *(*body)(void *), void (*stop)(void *),
                           void *arg);
void tn_threads_join(tn_threads *t); /* a zeroed one is fine */

#endif
