/* Faults of the simulated GPU, what may not be done with streams and events, and threads of the host. */
#include <pthread.h>

#include "fixture.h"

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
    assert_cuda(cudaSetDevice(0));
    assert_error(cudaStreamDestroy(first), cudaErrorIllegalAddress);
    assert_error(cudaStreamDestroy(second), cudaErrorIllegalAddress);
    assert_error(cudaStreamDestroy(third), cudaErrorIllegalAddress);
    assert_error(cudaEventDestroy(split), cudaErrorIllegalAddress);
    assert_error(cudaEventDestroy(join), cudaErrorIllegalAddress);
    assert_error(cudaFree(x), cudaErrorIllegalAddress);
    assert_error(cudaFree(y), cudaErrorIllegalAddress);
    assert_error(cudaFree(z), cudaErrorIllegalAddress);
    assert_error(cudaFreeHost(pinned), cudaErrorIllegalAddress);
    tn_sim_check_leaks();
}

static void test_fault(void **state)
{
    (void)state;
    rule_exits(0, fault);
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
    cudaStreamWaitEvent(new_stream(), join, 0);
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
        {leak_stream, "leak", "4 event"},
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
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
