/* Events that a graph records for those outside of it, or waits for. */
#include "fixture.h"

static const enum cudaStreamCaptureMode local = cudaStreamCaptureModeThreadLocal;

static cudaGraphExec_t end_capture(size_t nodes)
{
    cudaGraph_t g;
    cudaGraphExec_t e;
    size_t count = 0;
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphGetNodes(g, NULL, &count));
    assert_int_equal(count, nodes);
    assert_cuda(cudaGraphInstantiate(&e, g, 0));
    assert_cuda(cudaGraphDestroy(g));
    return e;
}

/* x = x + 1, split, then work on z behind it. */
static cudaGraphExec_t maker(void)
{
    assert_cuda(cudaStreamBeginCapture(first, local));
    scale(x, x, 1, 1, first);
    assert_cuda(cudaEventRecordWithFlags(split, first, cudaEventRecordExternal));
    for (int i = 0; i < 10; i++)
        scale(z, z, 1, 1, first);
    return end_capture(12);
}
/* join, y = x. */
static cudaGraphExec_t user(unsigned flags)
{
    assert_cuda(cudaStreamBeginCapture(first, local));
    if (flags)
        assert_cuda(cudaStreamWaitEvent(first, join, flags));
    scale(y, x, 1, 0, first);
    return end_capture(flags ? 2 : 1);
}

/* Another stream doubles x between the two, in each of three rounds that the host does not wait for. */
static float rounds(cudaGraphExec_t make, cudaGraphExec_t use, bool wait)
{
    fill(x, first);
    fill(z, first);
    for (int i = 0; i < 3; i++) {
        assert_cuda(cudaGraphLaunch(make, first));
        if (wait)
            assert_cuda(cudaStreamWaitEvent(second, split, 0));
        scale(x, x, 2, 0, second);
        assert_cuda(cudaEventRecord(join, second));
        assert_cuda(cudaGraphLaunch(use, first));
    }
    assert_cuda(cudaStreamSynchronize(first));
    return first_of(y);
}

static void test_replays(void **state)
{
    (void)state;
    cudaGraphExec_t make = maker(), use = user(cudaEventWaitExternal), careless = user(0);
    int wrong_wait = 0, wrong_use = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        assert_true(rounds(make, use, true) == 14); /* ((0 + 1) * 2 + 1) * 2 ... */
        wrong_wait += rounds(make, use, false) != 14;
        wrong_use += rounds(make, careless, true) != 14;
    }
    assert_in_range(wrong_wait, SEEDS / 4, SEEDS);
    assert_in_range(wrong_use, SEEDS / 4, SEEDS);
    assert_cuda(cudaGraphExecDestroy(make));
    assert_cuda(cudaGraphExecDestroy(use));
    assert_cuda(cudaGraphExecDestroy(careless));
}

/* Who waits for the record does not wait for what comes behind it. */
static void test_begins_before_the_end(void **state)
{
    (void)state;
    tn_sim_set_seed(0);
    cudaGraphExec_t make = maker();
    fill(x, first);
    fill(z, first);
    assert_cuda(cudaStreamSynchronize(first));
    assert_cuda(cudaGraphLaunch(make, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    scale(y, x, 1, 0, second);
    tn_sim_trace_begin();
    assert_cuda(cudaStreamSynchronize(second));
    assert_int_equal(tn_sim_trace_counts().work, 2);
    assert_cuda(cudaEventSynchronize(split));
    assert_int_equal(tn_sim_trace_counts().work, 2);
    assert_true(first_of(y) == 1);
    assert_int_equal(tn_sim_trace_device(0).work, 12 + 1); /* and the copy of first_of() */
    assert_cuda(cudaGraphExecDestroy(make));
}

static void test_flags(void **state)
{
    (void)state;
    assert_error(cudaEventRecordWithFlags(split, first, cudaEventRecordExternal),
                 cudaErrorInvalidValue); /* no capture */
    assert_error(cudaStreamWaitEvent(first, split, cudaEventWaitExternal), cudaErrorInvalidValue);
    assert_error(cudaEventRecordWithFlags(split, first, 8), cudaErrorInvalidValue);
    assert_cuda(cudaEventRecordWithFlags(split, first, cudaEventRecordDefault));
    cudaGetLastError();
    /* An event that nothing has recorded is nothing to wait for. */
    assert_cuda(cudaEventDestroy(join));
    join = new_event();
    cudaGraphExec_t use = user(cudaEventWaitExternal);
    fill(x, first);
    assert_cuda(cudaGraphLaunch(use, first));
    assert_true(first_of(y) == 0);
    assert_cuda(cudaGraphExecDestroy(use));
}

/* After a fault what was to be recorded is not waited for. */
static void fault_before_record(void)
{
    cudaGraphExec_t make = maker();
    tn_sim_fail_at("kernel", 1);
    assert_cuda(cudaGraphLaunch(make, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    assert_error(cudaStreamSynchronize(second), cudaErrorIllegalAddress);
    assert_error(cudaEventSynchronize(split), cudaErrorIllegalAddress);
    _Exit(0);
}

/* ---- broken rules ------------------------------------------------------------------------- */

static void event_of_a_graph_is_gone(void)
{
    cudaGraphExec_t make = maker();
    assert_cuda(cudaEventDestroy(split));
    cudaGraphLaunch(make, first);
}
static void records_and_waits(void)
{
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaEventRecordWithFlags(split, first, cudaEventRecordExternal));
    assert_cuda(cudaStreamWaitEvent(first, split, cudaEventWaitExternal));
    cudaGraphLaunch(end_capture(2), first);
}

static void test_rules(void **state)
{
    (void)state;
    rule_exits(0, fault_before_record);
    rule_breaks("destroyed", "event", event_of_a_graph_is_gone);
    rule_breaks("unknown", "records an event and waits for it", records_and_waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_begins_before_the_end),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
