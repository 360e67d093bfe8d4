/* What may wait for all that the process has running, and so breaks a rule while ranks of it do something together:
 * loading code, joining, capturing, making a graph ready. Each once; and what may be done all the same. */
#include "dnn.h"
#include "kernels.h"
#include "product.h"
#include "ranks.h"
#include "sim/_runtime.h"

static rank a, b;

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

static void ask(const rank *r)
{
    assert_cuda(cudaSetDevice(r->device));
    assert_begun(ncclAllReduce(r->x, r->x, N, ncclFloat32, ncclSum, r->comm, r->s));
    assert_nccl(rank_poll(r));
}

/* ---- while one waits for the other ---------------------------------------------------------- */

static void a_first_launch(void)
{
    join_two();
    ask(&a);
    rank_scale(&a, a.y, a.y, 1, 1);
}

/* Loaded on one device is not loaded on the other. */
static void a_first_launch_on_the_other(void)
{
    join_two();
    rank_scale(&a, a.y, a.y, 1, 1);
    ask(&a);
    assert_cuda(cudaSetDevice(1));
    rank_scale(&b, b.y, b.y, 1, 1);
}

static void a_kernel_asked_about(void)
{
    struct cudaFuncAttributes attributes;
    union {
        void (*function)(struct tnk_test_scale_args);
        const void *object;
    } key = {tnk_test_scale_f32};
    join_two();
    ask(&a);
    cudaFuncGetAttributes(&attributes, key.object);
}

static void a_capture(void)
{
    join_two();
    cudaStream_t s = new_stream();
    ask(&a);
    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
}

static void a_graph_made_ready(void)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    join_two();
    cudaStream_t s = new_stream();
    assert_cuda(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    assert_cuda(cudaMemsetAsync(a.y, 0, BYTES, s));
    assert_cuda(cudaStreamEndCapture(s, &graph));
    ask(&a);
    cudaGraphInstantiate(&exec, graph, 0);
}

static void a_first_product(void)
{
    static const product_case c = {.m = 4, .n = 3, .k = 5};
    cublasLtMatmulHeuristicResult_t algo[8];
    const float one = 1, zero = 0;
    void *state = NULL;
    join_two();
    product_open(&state);
    const matrix x = matrix_make(c.m, c.k, F32, &c, 1), w = matrix_make(c.k, c.n, F32, &c, 2);
    const matrix y = matrix_make(c.m, c.n, F32, &c, 3);
    cublasLtMatmulDesc_t d = product_make(&c);
    assert_true(product_ask(d, &x, &w, &y, 0, 0, 16, algo) > 0);
    ask(&a);
    cublasLtMatmul(product_handle, d, &one, x.device, x.layout, w.device, w.layout, &zero, y.device,
                   y.layout, y.device, y.layout, &algo[0].algo, NULL, 0, product_stream);
}

static void a_first_run_of_a_plan(void)
{
    cudnnHandle_t h;
    const dnn_tensor t = {.uid = 1, .dim = {1, 8, 2, 2}}, u = {.uid = 2, .dim = {1, 8, 2, 2}};
    join_two();
    assert_dnn(cudnnCreate(&h));
    dnn_desc op =
        dnn_pointwise(CUDNN_POINTWISE_RELU_FWD, dnn_tensor_new(&t), NULL, dnn_tensor_new(&u));
    dnn_desc plan = dnn_plan_of(h, 1, &op, 0);
    ask(&a);
    dnn_run(h, plan, 2, (int64_t[]){1, 2}, (void *[]){new_device(128), new_device(128)});
}

static void a_communicator_made_ready(void)
{
    ncclUniqueId id;
    rank alone;
    join_two();
    assert_nccl(ncclGetUniqueId(&id));
    rank_begin(&alone, 0, 1, &id);
    rank_ask(&alone);
    ask(&a);
    rank_poll(&alone);
}

static void test_breaks(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *text;
    } cases[] = {
        {a_first_launch, "tnk_test_scale_f32 is loaded on device 0 while 1 of this process' "
                         "collectives is not done"},
        {a_first_launch_on_the_other, "tnk_test_scale_f32 is loaded on device 1"},
        {a_kernel_asked_about, "tnk_test_scale_f32 is loaded on device 0"},
        {a_communicator_made_ready, "a communicator is made ready while 1"},
        {a_capture, "a capture begins while 1"},
        {a_graph_made_ready, "a graph is made ready while 1"},
        {a_first_run_of_a_plan, "a plan of cuDNN's is loaded on device 0"},
        {a_first_product, "a product of cuBLASLt's is loaded on device 0"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        rule_breaks("unfinished", cases[i].text, cases[i].body);
}

/* ---- what may be done ----------------------------------------------------------------------- */

static void what_is_loaded_and_what_comes_after(void)
{
    join_two();
    rank_scale(&a, a.y, a.y, 1, 1);
    ask(&a);
    rank_scale(&a, a.y, a.y, 1, 1);
    ask(&b);
    assert_cuda(cudaStreamSynchronize(b.s));
    rank_scale(&b, b.y, b.y, 1, 1); /* the sum is done on both */
    _Exit(0);
}

/* Nobody waits for a rank that has left. */
static void what_was_aborted(void)
{
    join_two();
    ask(&a);
    assert_nccl(ncclCommAbort(b.comm));
    assert_nccl(ncclCommAbort(a.comm));
    assert_cuda(cudaSetDevice(0));
    rank_scale(&a, a.y, a.y, 1, 1);
    _Exit(0);
}

static void test_allowed(void **state)
{
    (void)state;
    rule_exits(0, what_is_loaded_and_what_comes_after);
    rule_exits(0, what_was_aborted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
