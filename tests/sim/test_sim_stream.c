/* Streams and events of the simulated GPU: what waits for what, and what is wrong if nothing does. */
#include <pthread.h>
#include <string.h>

#include "rules.h"

enum { N = 64, SEEDS = 30 };
static const enum cudaMemcpyKind to_device = cudaMemcpyHostToDevice,
                                 from_device = cudaMemcpyDeviceToHost;

/* Two streams, arrays x, y, z in device memory, one in pinned memory. */
static cudaStream_t first, second;
static cudaEvent_t event;
static float *x, *y, *z, *pinned;
enum { BYTES = N * sizeof(float) };

static int setup(void **state)
{
    (void)state;
    first = new_stream();
    second = new_stream();
    event = new_event();
    x = new_device(BYTES);
    y = new_device(BYTES);
    z = new_device(BYTES);
    pinned = new_pinned(BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tn_sim_set_seed(0);
    assert_cuda(cudaStreamDestroy(first));
    assert_cuda(cudaStreamDestroy(second));
    assert_cuda(cudaEventDestroy(event));
    assert_cuda(cudaFree(x));
    assert_cuda(cudaFree(y));
    assert_cuda(cudaFree(z));
    assert_cuda(cudaFreeHost(pinned));
    tn_sim_check_leaks();
    return 0;
}

/* to = factor * from + shift */
static void scale(float *to, const float *from, float factor, float shift, cudaStream_t s)
{
    struct tnk_test_scale_args a = {from, to, N, factor, shift};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 2, 32, 0, s, &a));
}
static void fill(float *to, cudaStream_t s)
{
    assert_cuda(cudaMemsetAsync(to, 0, BYTES, s));
}
/* Its first element, when everything has been waited for. */
static float first_of(const float *p)
{
    float got[N];
    assert_cuda(cudaDeviceSynchronize());
    assert_cuda(cudaMemcpy(got, p, BYTES, from_device));
    return got[0];
}

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
                assert_cuda(cudaEventRecord(event, user));
                assert_cuda(cudaStreamWaitEvent(maker, event, 0));
            }
            scale(x, x, 1, 7, maker);
        } else { /* reads x = 7, which the other one makes before */
            scale(x, x, 1, 7, maker);
            if (wait) {
                assert_cuda(cudaEventRecord(event, maker));
                assert_cuda(cudaStreamWaitEvent(user, event, 0));
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
        assert_cuda(cudaEventRecord(event, first));
        assert_cuda(cudaStreamWaitEvent(second, event, 0));
        assert_cuda(cudaEventRecord(event, second)); /* no wait for itself */
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
    assert_cuda(cudaEventRecord(event, first));
    assert_cuda(cudaEventSynchronize(event));
    assert_error(cudaEventElapsedTime(&ms, start, event), cudaErrorInvalidResourceHandle);
    assert_error(cudaStreamWaitEvent(first, event, 7), cudaErrorInvalidValue);
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
    assert_cuda(cudaEventRecord(event, s));
    assert_cuda(cudaStreamDestroy(s));
    assert_cuda(cudaEventSynchronize(event));
    assert_true(first_of(x) == 4);
}

/* ---- faults ------------------------------------------------------------------------------- */

static void fault(void)
{
    float got;
    cudaStream_t s;
    fill(x, first);
    tn_sim_fail_at("kernel", 2);
    scale(x, x, 1, 1, first);
    scale(x, x, 1, 1, first);
    assert_cuda(cudaMemcpyAsync(pinned, x, BYTES, from_device, first)); /* nobody knows yet */
    assert_error(cudaStreamSynchronize(first), cudaErrorIllegalAddress);
    assert_error(cudaStreamSynchronize(first), cudaErrorIllegalAddress);
    assert_error(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
    assert_error(cudaMemcpy(&got, x, 4, from_device), cudaErrorIllegalAddress);
    assert_error(cudaStreamCreateWithFlags(&s, 0), cudaErrorIllegalAddress);
    struct tnk_test_scale_args a = {x, x, N, 1, 0};
    assert_error(TN_LAUNCH(tnk_test_scale_f32, 1, 32, 0, second, &a), cudaErrorIllegalAddress);
    assert_error(cudaGetLastError(), cudaErrorIllegalAddress);
    assert_cuda(cudaSetDevice(1)); /* the others go on */
    s = new_stream();
    assert_cuda(cudaStreamSynchronize(s));
    assert_cuda(cudaStreamDestroy(s));
    /* Everything can be destroyed, with an error, and is. */
    assert_error(cudaSetDevice(0), cudaErrorIllegalAddress);
    assert_error(cudaStreamDestroy(first), cudaErrorIllegalAddress);
    assert_error(cudaStreamDestroy(second), cudaErrorIllegalAddress);
    assert_error(cudaEventDestroy(event), cudaErrorIllegalAddress);
    assert_error(cudaFree(x), cudaErrorIllegalAddress);
    assert_error(cudaFree(y), cudaErrorIllegalAddress);
    assert_error(cudaFree(z), cudaErrorIllegalAddress);
    assert_error(cudaFreeHost(pinned), cudaErrorIllegalAddress);
    tn_sim_check_leaks();
}

static void test_fault(void **state)
{
    (void)state;
    rule_allows(fault);
}

/* ---- broken rules ------------------------------------------------------------------------- */

static void use_destroyed_stream(void)
{
    cudaStream_t s = new_stream();
    assert_cuda(cudaStreamDestroy(s));
    new_stream(); /* does not get its address */
    cudaStreamSynchronize(s);
}
static void use_destroyed_event(void)
{
    cudaEvent_t e = new_event();
    assert_cuda(cudaEventDestroy(e));
    cudaEventRecord(e, first);
}
static void destroy_stream_twice(void)
{
    cudaStream_t s = new_stream();
    assert_cuda(cudaStreamDestroy(s));
    cudaStreamDestroy(s);
}
static void stream_of_other_device(void)
{
    assert_cuda(cudaSetDevice(1));
    cudaStreamSynchronize(first);
}
static void launch_on_other_device(void)
{
    assert_cuda(cudaSetDevice(2));
    scale(x, x, 1, 1, first);
}
static void event_of_other_device(void)
{
    assert_cuda(cudaSetDevice(1));
    cudaStreamWaitEvent(new_stream(), event, 0);
}
static void work_that_calls(void *argument)
{
    (void)argument;
    void *p;
    cudaMalloc(&p, 4);
}
static void call_from_work(void)
{
    assert_cuda(tn_sim_enqueue(first, "work", work_that_calls, NULL, 0));
    cudaStreamSynchronize(first);
}
static void leak_stream(void)
{
    new_stream();
    new_event();
    new_event();
    exit(0);
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *rule, *text;
    } cases[] = {
        {use_destroyed_stream, "destroyed", "stream"},
        {use_destroyed_event, "destroyed", "event"},
        {destroy_stream_twice, "destroyed", "stream"},
        {stream_of_other_device, "device", "stream of device 0"},
        {launch_on_other_device, "device", "stream of device 0"},
        {event_of_other_device, "device", "event of device 0"},
        {call_from_work, "work", "cudaMalloc is called by work"},
        {leak_stream, "leak", "3 event"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        rule_breaks(cases[i].rule, cases[i].text, cases[i].body);
}

/* ---- threads ------------------------------------------------------------------------------ */

/* One a device: each has its own idea of which device is chosen. */
static void *work_on_device(void *argument)
{
    const int device = *(const int *)argument;
    float got[N];
    assert_cuda(cudaSetDevice(device));
    cudaStream_t s = new_stream();
    float *p = new_device(BYTES);
    for (int round = 0; round < 50; round++) {
        fill(p, s);
        for (int i = 0; i <= device; i++)
            scale(p, p, 1, 1, s);
        assert_cuda(cudaMemcpyAsync(got, p, BYTES, from_device, s));
        assert_true(got[N - 1] == (float)(device + 1));
    }
    assert_cuda(cudaFree(p));
    assert_cuda(cudaStreamDestroy(s));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { DEVICES = 4 };
    pthread_t thread[DEVICES];
    int device[DEVICES];
    tn_sim_set_seed(3);
    for (int i = 0; i < DEVICES; i++) {
        device[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, work_on_device, &device[i]), 0);
    }
    for (int i = 0; i < DEVICES; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    int chosen;
    assert_cuda(cudaGetDevice(&chosen));
    assert_int_equal(chosen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lazy),          cmocka_unit_test(test_when_copies_read),
        cmocka_unit_test(test_missing_wait),  cmocka_unit_test(test_record_again),
        cmocka_unit_test(test_events),        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_legacy_stream), cmocka_unit_test(test_destroy_with_work),
        cmocka_unit_test(test_fault),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
