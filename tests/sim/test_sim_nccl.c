/* Sums and broadcasts of several simulated GPUs, each with a thread of the host: numbers, and what waits. */
#include <math.h>
#include <string.h>

#include "ranks.h"

/* ---- numbers ------------------------------------------------------------------------------ */

static void sum_and_broadcast(rank *r)
{
    float got[N], sum = 0;
    rank_join(r);
    for (int round = 0; round < 5; round++) {
        float x[N];
        for (int i = 0; i < N; i++)
            x[i] = (float)(i + 1) / (float)(r->rank + 3 + round);
        assert_cuda(cudaMemcpyAsync(r->x, x, BYTES, cudaMemcpyHostToDevice, r->s));
        rank_sum(r);
        assert_cuda(cudaMemcpyAsync(got, r->x, BYTES, cudaMemcpyDeviceToHost, r->s));
        for (int i = 0; i < N; i++) {
            sum = 0;
            for (int k = 0; k < r->ranks; k++) /* in this order, rounded each time */
                sum += (float)(i + 1) / (float)(k + 3 + round);
            assert_true(got[i] == sum);
        }
        const int root = round % r->ranks;
        rank_scale(r, r->x, r->x, 0, (float)(10 + r->rank));
        assert_begun(ncclBroadcast(r->x, r->y, BYTES, ncclUint8, root, r->comm, r->s));
        assert_nccl(rank_poll(r));
        assert_true(rank_first(r, r->y) == (float)(10 + root));
        assert_true(rank_first(r, r->x) == (float)(10 + r->rank));
    }
    rank_leave(r);
}

static void test_numbers(void **state)
{
    (void)state;
    static const int ranks[] = {1, 2, 4, 8};
    for (size_t i = 0; i < TN_COUNT(ranks); i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            tn_sim_set_seed(seed);
            ranks_run(ranks[i], sum_and_broadcast);
        }
    tn_sim_check_leaks();
}

/* 1 + 1 + ... in a type; the integers that both have are exact in it. */
static void sum_of_type(const rank *r, ncclDataType_t type, const void *one, const void *sum,
                        size_t bytes)
{
    unsigned char x[8 * N], got[8 * N], want[8 * N];
    void *p = new_device(bytes * N);
    for (size_t i = 0; i < N; i++) {
        memcpy(x + i * bytes, one, bytes);
        memcpy(want + i * bytes, sum, bytes);
    }
    assert_cuda(cudaMemcpyAsync(p, x, bytes * N, cudaMemcpyHostToDevice, r->s));
    assert_begun(ncclAllReduce(p, p, N, type, ncclSum, r->comm, r->s));
    assert_nccl(rank_poll(r));
    assert_cuda(cudaMemcpyAsync(got, p, bytes * N, cudaMemcpyDeviceToHost, r->s));
    assert_memory_equal(got, want, bytes * N);
    assert_cuda(cudaFree(p));
}

static void sum_types(rank *r)
{
    rank_join(r);
    sum_of_type(r, ncclFloat32, &(float){1.5F}, &(float){4.5F}, 4);
    sum_of_type(r, ncclFloat64, &(double){0.1}, &(double){0.1 + 0.1 + 0.1}, 8);
    sum_of_type(r, ncclInt32, &(int32_t){-7}, &(int32_t){-21}, 4);
    sum_of_type(r, ncclFloat16, &(uint16_t){0x3c00}, &(uint16_t){0x4200}, 2);  /* 1, 3 */
    sum_of_type(r, ncclBfloat16, &(uint16_t){0x3f81}, &(uint16_t){0x4042}, 2); /* 1.0078125: of
                                                                 3.0234375 8 bits are 3.03125 */
    rank_leave(r);
}

static void test_types(void **state)
{
    (void)state;
    ranks_run(3, sum_types);
    tn_sim_check_leaks();
}

/* ---- what waits for what ------------------------------------------------------------------ */

/* How often the second stream sees the sum that the first one makes of x + 1. */
static int seen[MOST];

static void use_sum(rank *r, bool wait)
{
    cudaStream_t user = new_stream();
    rank_join(r);
    for (int round = 0; round < 10; round++) {
        assert_cuda(cudaMemsetAsync(r->x, 0, BYTES, r->s));
        assert_cuda(cudaStreamSynchronize(r->s));
        rank_scale(r, r->x, r->x, 1, 1);
        rank_sum(r);
        if (wait) {
            assert_cuda(cudaEventRecord(r->e, r->s));
            assert_cuda(cudaStreamWaitEvent(user, r->e, 0));
        }
        float got[N];
        assert_cuda(cudaMemcpyAsync(got, r->x, BYTES, cudaMemcpyDeviceToHost, user));
        seen[r->rank] += got[0] == (float)r->ranks;
        assert_cuda(cudaStreamSynchronize(r->s));
    }
    rank_leave(r);
    assert_cuda(cudaStreamDestroy(user));
}
static void use_with_wait(rank *r)
{
    use_sum(r, true);
}
static void use_without(rank *r)
{
    use_sum(r, false);
}

static void test_missing_wait(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        tn_sim_set_seed(seed);
        memset(seen, 0, sizeof seen);
        ranks_run(2, use_with_wait);
        assert_int_equal(seen[0], 10);
        assert_int_equal(seen[1], 10);
    }
    tn_sim_set_seed(0); /* nothing happens that nobody waits for, unless the other rank does */
    memset(seen, 0, sizeof seen);
    ranks_run(2, use_without);
    assert_true(seen[0] + seen[1] < 20);
    tn_sim_check_leaks();
}

/* What is put on the stream before the call has ended comes before the sum. */
static void record_too_early(rank *r)
{
    rank_join(r);
    rank_scale(r, r->x, r->x, 1, 1);
    assert_begun(ncclAllReduce(r->x, r->x, N, ncclFloat32, ncclSum, r->comm, r->s));
    assert_cuda(cudaMemcpyAsync(r->y, r->x, BYTES, cudaMemcpyDeviceToDevice, r->s));
    assert_nccl(rank_poll(r));
    assert_true(rank_first(r, r->x) == (float)r->ranks);
    assert_true(rank_first(r, r->y) == 1);
    rank_leave(r);
}

static void test_poll(void **state)
{
    (void)state;
    ranks_run(2, record_too_early);
    tn_sim_check_leaks();
}

/* ---- errors, aborts ----------------------------------------------------------------------- */

static void fail_calls(rank *r)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclResult_t state;
    int version;
    config.blocking = 0;
    tn_sim_fail_at("ncclGetVersion", 1);
    assert_nccl(ncclGetVersion(&version));
    assert_true(version < NCCL_VERSION(2, 19, 0));
    tn_sim_fail_at("ncclGetUniqueId", 1);
    assert_refused(ncclGetUniqueId(&(ncclUniqueId){{0}}), ncclSystemError);
    tn_sim_fail_at("ncclCommInitRankConfig", 1);
    assert_refused(ncclCommInitRankConfig(&r->comm, 1, r->id, 0, &config), ncclUnhandledCudaError);
    assert_null(r->comm);
    assert_refused(ncclCommInitRankConfig(&r->comm, 1, r->id, 1, &config), ncclInvalidArgument);
    assert_refused(ncclCommInitRankConfig(&r->comm, 1, r->id, 0, &(ncclConfig_t){0}),
                   ncclInvalidArgument);
    rank_join(r);
    tn_sim_fail_at("ncclAllReduce", 1);
    assert_refused(ncclAllReduce(r->x, r->x, N, ncclFloat32, ncclSum, r->comm, r->s),
                   ncclUnhandledCudaError);
    tn_sim_fail_at("ncclCommGetAsyncError", 1);
    assert_refused(ncclCommGetAsyncError(r->comm, &state), ncclSystemError);
    rank_sum(r);
    tn_sim_fail_at("ncclCommFinalize", 1);
    assert_refused(ncclCommFinalize(r->comm), ncclSystemError);
    tn_sim_fail_at("ncclCommAbort", 1);
    assert_refused(ncclCommAbort(r->comm), ncclSystemError);
}

static void test_failing_calls(void **state)
{
    (void)state;
    ranks_run(1, fail_calls);
    tn_sim_check_leaks();
}

/* One that fails while it runs: all ranks are told, streams stand still until all have aborted. */
static void fail_on_the_way(rank *r)
{
    rank_join(r);
    rank_scale(r, r->x, r->x, 1, 1);
    rank_sum(r);
    assert_cuda(cudaEventRecord(r->e, r->s));
    assert_error(cudaEventQuery(r->e), cudaErrorNotReady);
    ncclResult_t told;
    do {
        cudaEventQuery(r->e);
        assert_nccl(ncclCommGetAsyncError(r->comm, &told));
    } while (told == ncclSuccess);
    assert_refused(told, ncclRemoteError);
    assert_error(cudaEventQuery(r->e), cudaErrorNotReady);
    assert_nccl(ncclCommAbort(r->comm));
    assert_cuda(cudaEventSynchronize(r->e));
    cudaGetLastError();
}

static void test_asynchronous_error(void **state)
{
    (void)state;
    tn_sim_fail_at("collective", 1);
    ranks_run(2, fail_on_the_way);
    tn_sim_check_leaks();
}

/* The other rank never comes; a thread that waits for the stream is let go by an abort. */
static void one_is_late(rank *r)
{
    rank_join(r);
    if (r->rank == 0) {
        rank_sum(r);
        assert_cuda(cudaEventRecord(r->e, r->s));
        for (int i = 0; i < 100; i++)
            assert_error(cudaEventQuery(r->e), cudaErrorNotReady);
    }
    assert_nccl(ncclCommAbort(r->comm));
    assert_cuda(cudaStreamSynchronize(r->s));
    cudaGetLastError();
}

static void never_joined(rank *r)
{
    ncclResult_t told;
    if (r->rank == 0) {
        rank_ask(r);
        for (int i = 0; i < 10; i++) {
            assert_nccl(ncclCommGetAsyncError(r->comm, &told));
            assert_refused(told, ncclInProgress);
        }
        assert_nccl(ncclCommAbort(r->comm));
    }
}

static void test_abort(void **state)
{
    (void)state;
    ranks_run(4, one_is_late);
    ranks_run(2, never_joined);
    tn_sim_check_leaks();
}

static void same_device(rank *r)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t other;
    r->ranks = 2;
    rank_ask(r);
    assert_refused(ncclCommInitRankConfig(&other, 2, r->id, 1, &config), ncclInvalidUsage);
    assert_non_null(strstr(ncclGetLastError(NULL), "Duplicate GPU"));
    assert_nccl(ncclCommAbort(r->comm));
}

static void test_same_device(void **state)
{
    (void)state;
    ranks_run(1, same_device);
    tn_sim_check_leaks();
}

/* ---- what is counted ---------------------------------------------------------------------- */

static void sum_twice(rank *r)
{
    rank_join(r);
    rank_sum(r);
    rank_sum(r);
    assert_cuda(cudaStreamSynchronize(r->s));
    rank_leave(r);
}

static void test_counts(void **state)
{
    (void)state;
    tn_sim_trace_begin();
    ranks_run(4, sum_twice);
    assert_int_equal(tn_sim_trace_calls("ncclAllReduce"), 8);
    assert_int_equal(tn_sim_trace_counts().sums, 8);
    assert_int_equal(tn_sim_trace_counts().bytes_summed, 8 * BYTES);
    assert_int_equal(tn_sim_trace_device(3).sums, 2);
    assert_int_equal(tn_sim_trace_device(3).work, 2); /* what it begins with */
    assert_int_equal(tn_sim_trace_device(4).sums, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_types),
        cmocka_unit_test(test_missing_wait),  cmocka_unit_test(test_poll),
        cmocka_unit_test(test_failing_calls), cmocka_unit_test(test_asynchronous_error),
        cmocka_unit_test(test_abort),         cmocka_unit_test(test_same_device),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
