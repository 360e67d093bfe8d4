/* Streams and events of the simulated GPU: what waits for what, and what is wrong if nothing does. */
#include <string.h>

#include "fixture.h"

/* ---- nothing happens before somebody waits ------------------------------------------------- */

static void test_lazy(void **state)
{
    (void)state;
    memset(pinned, 0, BYTES);
    fill(x, first);
    scale(x, x, 1, 5, first);
    assert_cuda(cudaMemcpyAsync(pinned, x, BYTES, from_device, first));
    assert_true(pinned[0] == 0);
    assert_cuda(cudaStreamSynchronize(second)); /* which has nothing to do with it */
    assert_true(pinned[0] == 0);
    assert_cuda(cudaStreamSynchronize(first));
    assert_true(pinned[0] == 5);
}

/* Pinned memory is read when the stream gets there, other memory at the call. */
static void test_when_copies_read(void **state)
{
    (void)state;
    static float pageable[N];
    pinned[0] = 1;
    assert_cuda(cudaMemcpyAsync(x, pinned, BYTES, to_device, first));
    pinned[0] = 2;
    pageable[0] = 1;
    assert_cuda(cudaMemcpyAsync(y, pageable, BYTES, to_device, first));
    pageable[0] = 2;
    assert_cuda(cudaStreamSynchronize(first));
    assert_true(first_of(x) == 2);
    assert_true(first_of(y) == 1);
}

/* ---- two streams -------------------------------------------------------------------------- */

/* How many seeds give something else than 8 where the second stream uses what the first one makes. */
static int wrong_results(bool wait, bool overwrites)
{
    int wrong = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(0);
        fill(x, first);
        fill(y, first);
        assert_cuda(cudaStreamSynchronize(first));
        tn_sim_set_seed(seed);
        cudaStream_t maker = overwrites ? second : first, user = overwrites ? first : second;
        if (overwrites) { /* reads x = 0, which the other one makes 7 afterwards */
            scale(y, x, 1, 8, user);
            if (wait) {
                assert_cuda(cudaEventRecord(join, user));
                assert_cuda(cudaStreamWaitEvent(maker, join, 0));
            }
            scale(x, x, 1, 7, maker);
        } else { /* reads x = 7, which the other one makes before */
            scale(x, x, 1, 7, maker);
            if (wait) {
                assert_cuda(cudaEventRecord(join, maker));
                assert_cuda(cudaStreamWaitEvent(user, join, 0));
            }
            scale(y, x, 1, 1, user);
        }
        assert_cuda(cudaStreamSynchronize(user));
        tn_sim_set_seed(0);
        wrong += first_of(y) != 8;
    }
    return wrong;
}

static void test_missing_wait(void **state)
{
    (void)state;
    assert_int_equal(wrong_results(true, false), 0);
    assert_int_equal(wrong_results(true, true), 0);
    assert_in_range(wrong_results(false, false), SEEDS / 4, SEEDS);
    assert_in_range(wrong_results(false, true), SEEDS / 4, SEEDS);
}

/* A wait means the record that there was when it was asked for. */
static void test_record_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        fill(x, first);
        scale(x, x, 1, 1, first);
        assert_cuda(cudaEventRecord(join, first));
        assert_cuda(cudaStreamWaitEvent(second, join, 0));
        assert_cuda(cudaEventRecord(join, second)); /* no wait for itself */
        scale(y, x, 1, 1, second);
        assert_cuda(cudaStreamSynchronize(second));
        assert_true(first_of(y) == 2);
    }
}

/* ---- events ------------------------------------------------------------------------------- */

static void test_events(void **state)
{
    (void)state;
    cudaEvent_t start, end;
    float ms = -1;
    tn_sim_set_seed(0);
    assert_cuda(cudaEventCreateWithFlags(&start, cudaEventDefault));
    assert_cuda(cudaEventCreateWithFlags(&end, cudaEventBlockingSync));
    assert_error(cudaEventElapsedTime(&ms, start, end), cudaErrorInvalidResourceHandle);
    assert_cuda(cudaEventQuery(start)); /* never recorded: nothing to wait for */
    assert_cuda(cudaEventSynchronize(start));
    assert_cuda(cudaStreamWaitEvent(second, start, 0));
    assert_cuda(cudaEventRecord(start, first));
    for (int i = 0; i < 10; i++)
        fill(x, first);
    assert_cuda(cudaEventRecord(end, first));
    assert_error(cudaEventElapsedTime(&ms, start, end), cudaErrorNotReady);
    assert_error(cudaEventQuery(end), cudaErrorNotReady);
    assert_error(cudaStreamQuery(first), cudaErrorNotReady);
    int asked = 0;
    while (cudaEventQuery(end) == cudaErrorNotReady)
        assert_in_range(++asked, 1, 20);
    assert_cuda(cudaEventSynchronize(end));
    assert_cuda(cudaStreamQuery(first));
    assert_cuda(cudaEventElapsedTime(&ms, start, end));
    assert_true(ms > 0);
    assert_cuda(cudaEventRecord(join, first));
    assert_cuda(cudaEventSynchronize(join));
    assert_error(cudaEventElapsedTime(&ms, start, join), cudaErrorInvalidResourceHandle);
    assert_error(cudaStreamWaitEvent(first, join, 7), cudaErrorInvalidValue);
    assert_cuda(cudaEventDestroy(start));
    assert_cuda(cudaEventDestroy(end));
    cudaGetLastError();
}

/* A stream that is asked often enough is done. */
static void test_queries(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        fill(x, first);
        for (int i = 0; i < 10; i++) {
            scale(x, x, 1, 1, first);
            fill(y, second);
        }
        int asked = 0;
        while (cudaStreamQuery(first) == cudaErrorNotReady)
            assert_in_range(++asked, 1, 200);
        assert_true(first_of(x) == 10);
    }
    cudaGetLastError();
}

/* The legacy stream waits for blocking ones and they for it, not so others. */
static void test_legacy_stream(void **state)
{
    (void)state;
    cudaStream_t blocking;
    assert_cuda(cudaStreamCreateWithFlags(&blocking, cudaStreamDefault));
    int free_ran_early = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        fill(x, first);
        assert_cuda(cudaStreamSynchronize(first));
        scale(x, x, 1, 1, blocking);
        scale(x, x, 2, 0, NULL);
        scale(x, x, 1, 3, blocking);
        assert_cuda(cudaStreamSynchronize(blocking));
        assert_true(first_of(x) == 5);
        scale(x, x, 2, 0, NULL);
        scale(x, x, 1, 1, first);
        assert_cuda(cudaStreamSynchronize(first));
        assert_cuda(cudaStreamSynchronize(NULL));
        free_ran_early += first_of(x) != 11;
    }
    assert_in_range(free_ran_early, 1, SEEDS);
    assert_cuda(cudaStreamDestroy(blocking));
}

/* What a destroyed stream was given happens all the same. */
static void test_destroy_with_work(void **state)
{
    (void)state;
    cudaStream_t s = new_stream();
    fill(x, s);
    scale(x, x, 1, 4, s);
    assert_cuda(cudaEventRecord(join, s));
    assert_cuda(cudaStreamDestroy(s));
    assert_cuda(cudaEventSynchronize(join));
    assert_true(first_of(x) == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lazy),          cmocka_unit_test(test_when_copies_read),
        cmocka_unit_test(test_missing_wait),  cmocka_unit_test(test_record_again),
        cmocka_unit_test(test_events),        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_legacy_stream), cmocka_unit_test(test_destroy_with_work),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
