#define _POSIX_C_SOURCE 200809L /* pthread_barrier_t */

#include "ranks.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

void ranks_assert(ncclResult_t got, ncclResult_t want, const char *call, const char *file, int line)
{
    if (got == want)
        return;
    fprintf(stderr, "%s:%d: %s: %s (%s), not %s\n", file, line, call, ncclGetErrorString(got),
            ncclGetLastError(NULL), ncclGetErrorString(want));
    _assert_true(0, call, file, line);
}

void rank_begin(rank *r, int i, int ranks, const ncclUniqueId *id)
{
    *r = (rank){.rank = i, .ranks = ranks, .device = i, .id = *id};
    assert_cuda(cudaSetDevice(r->device));
    r->s = new_stream();
    r->e = new_event();
    r->x = new_device(BYTES);
    r->y = new_device(BYTES);
    assert_cuda(cudaMemsetAsync(r->x, 0, BYTES, r->s));
    assert_cuda(cudaMemsetAsync(r->y, 0, BYTES, r->s));
}

void rank_end(rank *r)
{
    assert_cuda(cudaSetDevice(r->device));
    assert_cuda(cudaFree(r->x));
    assert_cuda(cudaFree(r->y));
    assert_cuda(cudaEventDestroy(r->e));
    assert_cuda(cudaStreamDestroy(r->s));
}

void rank_ask(rank *r)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    assert_begun(ncclCommInitRankConfig(&r->comm, r->ranks, r->id, r->rank, &config));
}

ncclResult_t rank_poll(const rank *r)
{
    ncclResult_t state;
    do {
        sched_yield();
        assert_nccl(ncclCommGetAsyncError(r->comm, &state));
    } while (state == ncclInProgress);
    return state;
}

static pthread_barrier_t joined;

/* Kernels, NCCL's too, are loaded before any of them can ask for a sum: see the rule "unfinished". */
void rank_join(rank *r)
{
    struct cudaFuncAttributes attributes;
    union {
        void (*function)(struct tnk_test_scale_args);
        const void *object;
    } key = {tnk_test_scale_f32};
    assert_cuda(cudaFuncGetAttributes(&attributes, key.object));
    rank_ask(r);
    assert_nccl(rank_poll(r));
    pthread_barrier_wait(&joined);
}

void rank_leave(rank *r)
{
    assert_begun(ncclCommFinalize(r->comm));
    assert_nccl(rank_poll(r));
    assert_nccl(ncclCommDestroy(r->comm));
}

void rank_sum(rank *r)
{
    assert_begun(ncclAllReduce(r->x, r->x, N, ncclFloat32, ncclSum, r->comm, r->s));
    assert_nccl(rank_poll(r));
}

typedef struct task {
    int rank, ranks;
    ncclUniqueId id;
    void (*body)(rank *r);
} task;

static void *run(void *argument)
{
    const task *t = argument;
    rank r;
    rank_begin(&r, t->rank, t->ranks, &t->id);
    t->body(&r);
    rank_end(&r);
    return NULL;
}

void ranks_run(int ranks, void (*body)(rank *r))
{
    pthread_t thread[MOST];
    task t[MOST];
    ncclUniqueId id;
    assert_nccl(ncclGetUniqueId(&id));
    pthread_barrier_init(&joined, NULL, (unsigned)ranks);
    for (int i = 0; i < ranks; i++) {
        t[i] = (task){i, ranks, id, body};
        assert_int_equal(pthread_create(&thread[i], NULL, run, &t[i]), 0);
    }
    for (int i = 0; i < ranks; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    pthread_barrier_destroy(&joined);
}

void rank_scale(const rank *r, float *to, const float *from, float factor, float shift)
{
    struct tnk_test_scale_args a = {from, to, N, factor, shift};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 2, 32, 0, r->s, &a));
}

float rank_first(const rank *r, const float *p)
{
    float got[N];
    assert_cuda(cudaMemcpyAsync(got, p, BYTES, cudaMemcpyDeviceToHost, r->s));
    return got[0];
}
