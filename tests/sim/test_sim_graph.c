/* Graphs on the simulated GPU: replays, what may run beside what, and broken rules. */
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

static void test_replay(void **state)
{
    (void)state;
    enum cudaStreamCaptureStatus status;
    pinned[0] = 3;
    tn_sim_trace_begin();
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaMemcpyAsync(x, pinned, BYTES, to_device, first));
    scale(x, x, 2, 1, first);
    assert_cuda(cudaStreamIsCapturing(first, &status));
    assert_int_equal(status, cudaStreamCaptureStatusActive);
    assert_cuda(cudaStreamIsCapturing(second, &status));
    assert_int_equal(status, cudaStreamCaptureStatusNone);
    cudaGraphExec_t e = end_capture(2);
    assert_cuda(cudaMemsetAsync(x, 0, BYTES, first)); /* nothing of it has run */
    assert_true(first_of(x) == 0);
    assert_cuda(cudaGraphLaunch(e, first));
    assert_true(first_of(x) == 7);
    pinned[0] = 4;
    assert_cuda(cudaGraphLaunch(e, second));
    scale(x, x, 1, 100, second);
    assert_cuda(cudaGraphExecDestroy(e)); /* when it is through */
    assert_true(first_of(x) == 109);
    const tn_sim_counts c = tn_sim_trace_counts();
    assert_int_equal(c.launches, 2);
    assert_int_equal(c.graph_launches, 2);
    assert_int_equal(c.copies_to_device, 1);
    assert_int_equal(tn_sim_trace_calls("cudaStreamBeginCapture"), 1);
}

/* Work that goes apart and comes together: x -> y, z -> x. */
static void test_fork_join(void **state)
{
    (void)state;
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaMemsetAsync(x, 0, BYTES, first));
    scale(x, x, 1, 1, first);
    assert_cuda(cudaEventRecord(split, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    assert_cuda(cudaStreamWaitEvent(third, split, 0));
    scale(y, x, 10, 0, second);
    scale(y, y, 1, 5, second);
    scale(z, x, 100, 0, third);
    assert_cuda(cudaEventRecord(join, second));
    assert_cuda(cudaStreamWaitEvent(first, join, 0));
    assert_cuda(cudaEventRecord(join, third));
    assert_cuda(cudaStreamWaitEvent(first, join, 0));
    scale(x, x, 0, -1, first); /* overwrites what both have read */
    cudaGraphExec_t e = end_capture(6);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        assert_cuda(cudaGraphLaunch(e, first));
        assert_cuda(cudaGraphLaunch(e, second)); /* after the first: one at a time */
        assert_cuda(cudaStreamSynchronize(second));
        assert_true(first_of(x) == -1);
        assert_true(first_of(y) == 15);
        assert_true(first_of(z) == 100);
    }
    assert_cuda(cudaGraphExecDestroy(e));
}

/* An edge that is missing shows, as between streams. */
static void test_missing_edge(void **state)
{
    (void)state;
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaMemsetAsync(x, 0, BYTES, first));
    assert_cuda(cudaEventRecord(split, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    scale(x, x, 1, 1, first);
    scale(y, x, 1, 0, second);
    assert_cuda(cudaEventRecord(join, second));
    assert_cuda(cudaStreamWaitEvent(first, join, 0));
    cudaGraphExec_t e = end_capture(3);
    int early = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        tn_sim_set_seed(seed);
        assert_cuda(cudaGraphLaunch(e, first));
        early += first_of(y) == 0;
    }
    assert_in_range(early, SEEDS / 4, SEEDS - SEEDS / 4);
    assert_cuda(cudaGraphExecDestroy(e));
}

static void test_nodes(void **state)
{
    (void)state;
    cudaGraph_t g;
    cudaGraphExec_t e;
    cudaGraphNode_t nodes[3];
    size_t count = 1;
    assert_cuda(cudaStreamBeginCapture(first, local));
    scale(x, x, 1, 0, first);
    scale(y, y, 1, 0, first);
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphGetNodes(g, nodes, &count));
    assert_int_equal(count, 1);
    count = 3;
    assert_cuda(cudaGraphGetNodes(g, nodes, &count));
    assert_int_equal(count, 2);
    assert_non_null(nodes[1]);
    assert_null(nodes[2]);
    assert_error(cudaGraphInstantiate(&e, g, 0x100), cudaErrorInvalidValue);
    assert_cuda(cudaGraphDestroy(g));
    assert_cuda(cudaStreamBeginCapture(first, local)); /* nothing at all */
    e = end_capture(0);
    assert_cuda(cudaGraphLaunch(e, first));
    assert_cuda(cudaStreamSynchronize(first));
    assert_cuda(cudaGraphExecDestroy(e));
}

/* ---- broken rules ------------------------------------------------------------------------- */

static cudaGraphExec_t small_graph(void)
{
    assert_cuda(cudaStreamBeginCapture(first, local));
    scale(x, x, 1, 0, first);
    return end_capture(1);
}
static void launch_destroyed(void)
{
    cudaGraphExec_t e = small_graph();
    assert_cuda(cudaGraphExecDestroy(e));
    cudaGraphLaunch(e, first);
}
static void launch_on_other_device(void)
{
    cudaGraphExec_t e = small_graph();
    assert_cuda(cudaSetDevice(1));
    cudaGraphLaunch(e, new_stream());
}
static void instantiate_destroyed(void)
{
    cudaGraph_t g;
    cudaGraphExec_t e;
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphDestroy(g));
    cudaGraphInstantiate(&e, g, 0);
}
static void destroy_capturing(void)
{
    assert_cuda(cudaStreamBeginCapture(first, local));
    cudaStreamDestroy(first);
}
static void leak_graph(void)
{
    small_graph();
    tn_sim_check_leaks();
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *rule, *text;
    } cases[] = {
        {launch_destroyed, "destroyed", "graph exec"},
        {launch_on_other_device, "device", "a graph of device 0"},
        {instantiate_destroyed, "destroyed", "graph"},
        {destroy_capturing, "capture", "while it is being captured"},
        {leak_graph, "leak", "1 graph exec"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        rule_breaks(cases[i].rule, cases[i].text, cases[i].body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),       cmocka_unit_test(test_fork_join),
        cmocka_unit_test(test_missing_edge), cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
