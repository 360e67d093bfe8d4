/* Rules of NCCL that the simulated one is strict about, each broken once. One thread has both ranks: no call
 * waits for the other. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <pthread.h>
#include <time.h>

#include "ranks.h"
#include "sim/_runtime.h"

static rank a, b;

/* Two ranks that are ready, the first one's device chosen. */
static void join_two(void)
{
    ncclUniqueId id;
    assert_nccl(ncclGetUniqueId(&id));
    rank_begin(&a, 0, 2, &id);
    rank_ask(&a);
    rank_begin(&b, 1, 2, &id);
    rank_ask(&b);
    assert_nccl(rank_poll(&a));
    assert_nccl(rank_poll(&b));
    assert_cuda(cudaSetDevice(0));
}

static void sum_of(const rank *r, void *x, size_t count, ncclDataType_t type)
{
    assert_cuda(cudaSetDevice(r->device));
    assert_begun(ncclAllReduce(x, x, count, type, ncclSum, r->comm, r->s));
    assert_nccl(rank_poll(r));
}
static void broadcast_of(const rank *r, int root)
{
    assert_cuda(cudaSetDevice(r->device));
    assert_begun(ncclBroadcast(r->x, r->x, N, ncclFloat32, root, r->comm, r->s));
    assert_nccl(rank_poll(r));
}

/* ---- the same, in the same order, of all -------------------------------------------------- */

static void sizes_differ(void)
{
    join_two();
    sum_of(&a, a.x, N, ncclFloat32);
    sum_of(&b, b.x, N / 2, ncclFloat32);
}
static void types_differ(void)
{
    join_two();
    sum_of(&b, b.x, N, ncclInt32);
    sum_of(&a, a.x, N, ncclFloat32);
}
static void order_differs(void)
{
    join_two();
    sum_of(&a, a.x, N, ncclFloat32);
    broadcast_of(&a, 0);
    broadcast_of(&b, 0);
}
static void roots_differ(void)
{
    join_two();
    sum_of(&a, a.x, N, ncclFloat32);
    sum_of(&b, b.x, N, ncclFloat32);
    broadcast_of(&a, 0);
    broadcast_of(&b, 1);
}
static void sum_of_what_is_none(void)
{
    join_two();
    assert_begun(ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclMax, a.comm, a.s));
}
static void one_never_comes(void)
{
    join_two();
    tn_sim_set_patience(0.1);
    sum_of(&a, a.x, N, ncclFloat32);
    cudaStreamSynchronize(a.s);
}

/* ---- memory, devices, streams ------------------------------------------------------------- */

static void memory_of_the_other(void)
{
    join_two();
    sum_of(&a, b.x, N, ncclFloat32);
}
static void memory_too_short(void)
{
    join_two();
    sum_of(&a, a.x, N + 1, ncclFloat32);
}
static void memory_of_the_host(void)
{
    float x[N];
    join_two();
    sum_of(&a, x, N, ncclFloat32);
}
static void memory_overlaps(void)
{
    join_two();
    ncclAllReduce(a.x, a.x + 1, N / 2, ncclFloat32, ncclSum, a.comm, a.s);
}
static void other_device_is_chosen(void)
{
    join_two();
    assert_cuda(cudaSetDevice(1));
    ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, a.s);
}
static void stream_of_the_other(void)
{
    join_two();
    ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, b.s);
}
static void in_a_capture(void)
{
    join_two();
    assert_cuda(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    sum_of(&a, a.x, N, ncclFloat32);
}

/* ---- communicators ------------------------------------------------------------------------ */

static void not_yet_joined(void)
{
    ncclUniqueId id;
    assert_nccl(ncclGetUniqueId(&id));
    rank_begin(&a, 0, 2, &id);
    rank_ask(&a);
    ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, a.s);
}
static void not_polled(void)
{
    join_two();
    assert_begun(ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, a.s));
    ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, a.s);
}
static void used_after_abort(void)
{
    join_two();
    assert_nccl(ncclCommAbort(a.comm));
    ncclAllReduce(a.x, a.x, N, ncclFloat32, ncclSum, a.comm, a.s);
}
static void used_after_destroy(void)
{
    ncclResult_t told;
    join_two();
    assert_begun(ncclCommFinalize(a.comm));
    assert_begun(ncclCommFinalize(b.comm));
    do
        assert_nccl(ncclCommGetAsyncError(b.comm, &told));
    while (told == ncclInProgress && (ncclCommGetAsyncError(a.comm, &told), true));
    assert_nccl(ncclCommDestroy(b.comm));
    ncclCommGetAsyncError(b.comm, &told);
}
static void destroyed_before_finalized(void)
{
    join_two();
    ncclCommDestroy(a.comm);
}
static void finalized_twice(void)
{
    join_two();
    assert_begun(ncclCommFinalize(a.comm));
    ncclCommFinalize(a.comm);
}
static void left_behind(void)
{
    join_two();
    exit(0);
}
static void id_of_nobody(void)
{
    rank_begin(&a, 0, 1, &(ncclUniqueId){{1, 2, 3}});
    rank_ask(&a);
}
static void ranks_disagree(void)
{
    ncclUniqueId id;
    assert_nccl(ncclGetUniqueId(&id));
    rank_begin(&a, 0, 2, &id);
    rank_ask(&a);
    rank_begin(&b, 1, 3, &id);
    rank_ask(&b);
}
static void same_rank_twice(void)
{
    ncclUniqueId id;
    assert_nccl(ncclGetUniqueId(&id));
    rank_begin(&a, 0, 2, &id);
    rank_ask(&a);
    rank_begin(&b, 1, 2, &id);
    b.rank = 0;
    rank_ask(&b);
}
static void one_that_blocks(void)
{
    ncclUniqueId id;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    assert_nccl(ncclGetUniqueId(&id));
    ncclCommInitRankConfig(&a.comm, 1, id, 0, &config);
}

static void *poll_once(void *unused)
{
    ncclResult_t told;
    ncclCommGetAsyncError(a.comm, &told);
    return unused;
}
/* The first thread cannot get on in its call, since this one has the lock. */
static void two_threads_at_once(void)
{
    pthread_t first;
    join_two();
    tn_sim_lock();
    assert_int_equal(pthread_create(&first, NULL, poll_once, NULL), 0);
    for (;;) { /* until it has begun */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        poll_once(NULL);
    }
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *rule, *text;
    } cases[] = {
        {sizes_differ, "collective",
         "operation 1 of 2 ranks: rank 0 calls ncclAllReduce of 64 f32 (root -1), rank 1 "
         "ncclAllReduce of 32 f32"},
        {types_differ, "collective", "rank 1 calls ncclAllReduce of 64 i32"},
        {order_differs, "collective", "rank 1 ncclBroadcast of 64 f32 (root 0)"},
        {roots_differ, "collective", "operation 2 of 2 ranks"},
        {sum_of_what_is_none, "unknown", "only sums"},
        {one_never_comes, "stall", "device 0 waits for work of several devices"},
        {memory_of_the_other, "device", "memory of device 1, used on device 0"},
        {memory_too_short, "memory", "260 bytes"},
        {memory_of_the_host, "memory", "is no memory of device 0"},
        {memory_overlaps, "memory", "overlap"},
        {other_device_is_chosen, "device", "made on device 0, the thread is on 1"},
        {stream_of_the_other, "device", "a stream of device 1"},
        {in_a_capture, "capture", "ncclAllReduce in a stream that is being captured"},
        {not_yet_joined, "communicator", "rank 0 of 2 is not ready"},
        {not_polled, "communicator", "the last call has not ended"},
        {used_after_abort, "destroyed", "NCCL communicator"},
        {used_after_destroy, "destroyed", "NCCL communicator"},
        {destroyed_before_finalized, "communicator", "was not finalized"},
        {finalized_twice, "communicator", "ncclCommFinalize: rank 0 of 2 is not ready"},
        {left_behind, "leak", "2 NCCL communicator"},
        {id_of_nobody, "communicator", "an id that nobody has made"},
        {ranks_disagree, "communicator", "rank 1 says there are 3 ranks, others said 2"},
        {same_rank_twice, "communicator", "two join as rank 0 of 2"},
        {one_that_blocks, "unknown", "a communicator that blocks"},
        {two_threads_at_once, "communicator", "another thread uses the same communicator"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        rule_breaks(cases[i].rule, cases[i].text, cases[i].body);
}

/* Memory that goes while the sum is still to come, which is seen when it does. */
static void freed_on_the_way(void)
{
    join_two();
    void *x = new_device(BYTES);
    sum_of(&a, x, N, ncclFloat32);
    tn_sim_set_patience(0.1);
    cudaFree(x); /* waits for the sum, as the real one does */
}

/* Its last operation is waited for by a communicator that ends. */
static void finalize_waits(rank *r)
{
    rank_join(r);
    rank_sum(r);
    rank_leave(r);
    assert_true(rank_first(r, r->x) == 0);
}

/* What a device that is lost does not bring is missing to the others. */
static void one_is_lost(void)
{
    join_two();
    tn_sim_fail_at("kernel", 1);
    assert_cuda(cudaSetDevice(1));
    rank_scale(&b, b.x, b.x, 1, 1);
    sum_of(&b, b.x, N, ncclFloat32);
    assert_error(cudaStreamSynchronize(b.s), cudaErrorIllegalAddress);
    assert_refused(ncclAllReduce(b.x, b.x, N, ncclFloat32, ncclSum, b.comm, b.s),
                   ncclUnhandledCudaError);
    sum_of(&a, a.x, N, ncclFloat32);
    for (int i = 0; i < 50; i++)
        assert_error(cudaStreamQuery(a.s), cudaErrorNotReady);
    assert_nccl(ncclCommAbort(b.comm));
    for (int i = 0; i < 50; i++)
        assert_error(cudaStreamQuery(a.s), cudaErrorNotReady);
    assert_nccl(ncclCommAbort(a.comm));
    assert_cuda(cudaStreamSynchronize(a.s));
    _Exit(0);
}

static void test_ends(void **state)
{
    (void)state;
    rule_breaks("stall", "device 0 waits", freed_on_the_way);
    ranks_run(3, finalize_waits);
    tn_sim_check_leaks();
    rule_exits(0, one_is_lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
