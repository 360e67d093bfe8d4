/* Rules of the simulated cuDNN that end the process: what hardware would do wrong without a word. */
#include "dnn_numbers.h"
#include "sim/cudnn_sim.h"

enum { BYTES = 1 << 14, WORKSPACE = 1 << 20 };

static const dnn_tensor x_shape = {.uid = 1, .dim = {2, 4, 8, 8}};
static const dnn_tensor w_shape = {.uid = 2, .dim = {4, 4, 3, 3}};
static const dnn_tensor y_shape = {.uid = 3, .dim = {2, 4, 8, 8}};
static const dnn_window window = {.pre = {1, 1}, .post = {1, 1}};

static char *memory[4];

static dnn_desc conv_plan(void)
{
    dnn_desc op = dnn_conv(0, &window, dnn_tensor_new(&x_shape), dnn_tensor_new(&w_shape),
                           dnn_tensor_new(&y_shape), 1, 0);
    for (int i = 0; i < 4; i++)
        memory[i] = new_device(i < 3 ? BYTES : WORKSPACE);
    return dnn_plan_of(numbers_handle, 1, &op, 0);
}

static void execute(dnn_desc plan, void *x, void *w, void *y, void *workspace)
{
    assert_dnn(cudnnBackendExecute(
        numbers_handle, plan, dnn_pack(3, (int64_t[]){1, 2, 3}, (void *[]){x, w, y}, workspace)));
    assert_cuda(cudaDeviceSynchronize());
}

/* ---- pointers ----------------------------------------------------------------------------- */

static void unaligned(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, memory[0] + 8, memory[1], memory[2], memory[3]);
}

static void unaligned_workspace(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, memory[0], memory[1], memory[2], memory[3] + 8);
}

static void short_tensor(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, new_device(2 * 4 * 8 * 8 * 4 - 16), memory[1], memory[2], memory[3]);
}

static void short_workspace(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, memory[0], memory[1], memory[2], new_device(256));
}

static void host_memory(void)
{
    static _Alignas(16) char host[BYTES];
    dnn_desc plan = conv_plan();
    execute(plan, host, memory[1], memory[2], memory[3]);
}

static void freed_memory(void)
{
    dnn_desc plan = conv_plan();
    assert_cuda(cudaFree(memory[1]));
    execute(plan, memory[0], memory[1], memory[2], memory[3]);
}

static void another_device(void)
{
    dnn_desc plan = conv_plan();
    assert_cuda(cudaSetDevice(1));
    void *there = new_device(BYTES);
    assert_cuda(cudaSetDevice(0));
    execute(plan, memory[0], memory[1], there, memory[3]);
}

static void in_workspace(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, memory[0], memory[1], memory[3], memory[3]);
}

static void over_input(void)
{
    dnn_desc plan = conv_plan();
    execute(plan, memory[0], memory[1], memory[0], memory[3]);
}

/* ---- objects ------------------------------------------------------------------------------ */

static void destroyed_plan(void)
{
    dnn_desc plan, other = conv_plan();
    assert_dnn(cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan));
    assert_dnn(cudnnBackendDestroyDescriptor(plan));
    (void)other;
    execute(plan, memory[0], memory[1], memory[2], memory[3]);
}

/* Before its work has run: what it compiled is gone. */
static void destroyed_too_early(void)
{
    dnn_desc plan = conv_plan();
    assert_dnn(cudnnBackendExecute(
        numbers_handle, plan,
        dnn_pack(3, (int64_t[]){1, 2, 3}, (void *[]){memory[0], memory[1], memory[2]}, memory[3])));
    assert_dnn(cudnnBackendDestroyDescriptor(plan));
    assert_cuda(cudaDeviceSynchronize());
}

static void destroyed_twice(void)
{
    dnn_desc d;
    assert_dnn(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &d));
    assert_dnn(cudnnBackendDestroyDescriptor(d));
    assert_dnn(cudnnBackendDestroyDescriptor(d));
}

static void destroyed_handle(void)
{
    cudnnHandle_t h;
    assert_dnn(cudnnCreate(&h));
    assert_dnn(cudnnDestroy(h));
    cudnnSetStream(h, NULL);
}

static void handle_elsewhere(void)
{
    dnn_desc plan = conv_plan();
    assert_cuda(cudaSetDevice(1));
    execute(plan, memory[0], memory[1], memory[2], memory[3]);
}

static void handle_in_use(void)
{
    struct cudnnContext *h = numbers_handle;
    h->busy = true; /* as if another thread were inside */
    cudnnSetStream(numbers_handle, NULL);
}

static void handle_left(void)
{
    cudnnHandle_t h;
    assert_dnn(cudnnCreate(&h));
    tn_sim_check_leaks();
}

static void descriptor_left(void)
{
    dnn_new(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tn_sim_check_leaks();
}

/* ---- what has no graph -------------------------------------------------------------------- */

static void softmax(cudnnTensorDescriptor_t d, void *x)
{
    const float one = 1, zero = 0;
    void *y = new_device(BYTES);
    assert_dnn(cudnnSetTensor4dDescriptor(d, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4, 3, 3));
    assert_dnn(cudnnSoftmaxForward(numbers_handle, CUDNN_SOFTMAX_ACCURATE,
                                   CUDNN_SOFTMAX_MODE_CHANNEL, &one, d, x, &zero, d, y));
}

static cudnnTensorDescriptor_t tensor(void)
{
    cudnnTensorDescriptor_t d;
    assert_dnn(cudnnCreateTensorDescriptor(&d));
    return d;
}

static void destroyed_tensor(void)
{
    cudnnTensorDescriptor_t d = tensor();
    assert_dnn(cudnnDestroyTensorDescriptor(d));
    softmax(d, new_device(BYTES));
}

static void short_softmax(void)
{
    softmax(tensor(), new_device(2 * 4 * 9 * 4 - 1));
}

static void unaligned_softmax(void)
{
    softmax(tensor(), (char *)new_device(BYTES) + 2);
}

static void tensor_left(void)
{
    tensor();
    tn_sim_check_leaks();
}

/* ---- graphs ------------------------------------------------------------------------------- */

static void wrong_descriptor(void)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, dnn_tensor_new(&x_shape));
}

static void tensor_as_operation(void)
{
    dnn_desc x = dnn_tensor_new(&x_shape);
    dnn_graph(1, &x);
}

static void uid_twice(void)
{
    dnn_tensor same = w_shape;
    same.uid = x_shape.uid;
    dnn_conv(0, &window, dnn_tensor_new(&x_shape), dnn_tensor_new(&same), dnn_tensor_new(&y_shape),
             1, 0);
}

static void uid_twice_in_pack(void)
{
    dnn_pack(2, (int64_t[]){7, 7}, (void *[]){memory, memory}, NULL);
}

static dnn_desc pool_backward(bool index)
{
    const dnn_window two = {.window = {2, 2}, .stride = {2, 2}};
    dnn_desc op = dnn_new(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
    const dnn_tensor dy = {.uid = 5, .dim = {2, 4, 4, 4}};
    const dnn_tensor i = {.uid = 6, .dim = {2, 4, 4, 4}, .type = CUDNN_DATA_INT8};
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC,
                 dnn_pool(CUDNN_RESAMPLE_MAXPOOL, &two));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, dnn_tensor_new(&x_shape));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, dnn_tensor_new(&dy));
    if (index)
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, dnn_tensor_new(&i));
    return dnn_finalize(op);
}

static void no_index(void)
{
    dnn_desc op = pool_backward(false);
    dnn_plan_of(numbers_handle, 1, &op, 0);
}

static void index_outside(void)
{
    dnn_desc op = pool_backward(true);
    void *index = new_device(BYTES);
    assert_cuda(cudaMemset(index, 4, BYTES)); /* of windows of four, from 0 */
    dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 1, &op, 0), 3, (int64_t[]){1, 5, 6},
            (void *[]){new_device(BYTES), new_device(BYTES), index});
}

static void test_breaks(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *rule, *text;
    } cases[] = {
        {unaligned, "alignment", "tensor 1 is at"},
        {unaligned_workspace, "alignment", "the workspace is at"},
        {short_tensor, "memory", "a tensor of cudnnBackendExecute"},
        {short_workspace, "memory", "the workspace of cudnnBackendExecute"},
        {host_memory, "memory", "a tensor of cudnnBackendExecute"},
        {freed_memory, "memory", "a tensor of cudnnBackendExecute"},
        {another_device, "device", "memory of device 1, used on device 0"},
        {in_workspace, "workspace", "tensor 3 lies in the workspace"},
        {over_input, "overlap", "tensor 3 is written where tensor 1 lies"},
        {destroyed_plan, "destroyed", "cuDNN descriptor"},
        {destroyed_too_early, "destroyed", "cuDNN descriptor"},
        {destroyed_twice, "destroyed", "cuDNN descriptor"},
        {destroyed_handle, "destroyed", "cuDNN handle"},
        {handle_elsewhere, "device", "made on device 0, the thread is on 1"},
        {handle_in_use, "handle", "another thread"},
        {handle_left, "leak", "2 cuDNN handle"},
        {descriptor_left, "leak", "1 cuDNN descriptor"},
        {destroyed_tensor, "destroyed", "cuDNN tensor descriptor"},
        {short_softmax, "memory", "cudnnSoftmaxForward"},
        {unaligned_softmax, "alignment", "cudnnSoftmaxForward"},
        {tensor_left, "leak", "1 cuDNN tensor descriptor"},
        {wrong_descriptor, "descriptor", "is given a descriptor of type TENSOR"},
        {tensor_as_operation, "descriptor",
         "OPERATIONGRAPH_OPS: is given a descriptor of type TENSOR"},
        {uid_twice, "uid", "have the UID 1"},
        {uid_twice_in_pack, "uid", "UID 7 is in a variant pack twice"},
        {no_index, "crash", "without an index"},
        {index_outside, "index", "outside its window"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        rule_breaks(cases[i].rule, cases[i].text, cases[i].body);
}

/* ---- what is allowed ---------------------------------------------------------------------- */

/* An operation that goes number by number may write to where it reads from. */
static void in_place(void)
{
    dnn_desc y = dnn_tensor_new(&y_shape);
    dnn_desc op = dnn_pointwise(CUDNN_POINTWISE_RELU_FWD, dnn_tensor_new(&x_shape), NULL, y);
    void *both = new_device(BYTES);
    dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 1, &op, 0), 2, (int64_t[]){1, 3},
            (void *[]){both, both});
    _Exit(0);
}

static cudaGraphExec_t capture(cudaStream_t s)
{
    cudaGraph_t graph;
    cudaGraphExec_t run;
    dnn_desc plan = conv_plan();
    dnn_desc with =
        dnn_pack(3, (int64_t[]){1, 2, 3}, (void *[]){memory[0], memory[1], memory[2]}, memory[3]);
    assert_dnn(cudnnSetStream(numbers_handle, s));
    assert_cuda(cudaMemset(memory[0], 0, BYTES));
    assert_cuda(cudaMemset(memory[1], 0, BYTES));
    assert_cuda(cudaDeviceSynchronize());
    assert_cuda(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    assert_dnn(cudnnBackendExecute(numbers_handle, plan, with));
    assert_cuda(cudaStreamEndCapture(s, &graph));
    assert_cuda(cudaGraphInstantiate(&run, graph, 0));
    return run;
}

/* Into a graph, and twice from it. */
static void captured(void)
{
    cudaStream_t s = new_stream();
    cudaGraphExec_t run = capture(s);
    for (int i = 0; i < 2; i++) {
        float first = -1;
        assert_cuda(cudaMemset(memory[2], 0xff, BYTES));
        assert_cuda(cudaDeviceSynchronize());
        assert_cuda(cudaGraphLaunch(run, s));
        assert_cuda(cudaStreamSynchronize(s));
        assert_cuda(cudaMemcpy(&first, memory[2], sizeof first, cudaMemcpyDeviceToHost));
        assert_true(first == 0);
    }
    _Exit(0);
}

/* A graph keeps the addresses that it was captured with. */
static void freed_in_graph(void)
{
    cudaStream_t s = new_stream();
    cudaGraphExec_t run = capture(s);
    assert_cuda(cudaFree(memory[1]));
    assert_cuda(cudaGraphLaunch(run, s));
    assert_cuda(cudaStreamSynchronize(s));
}

static void test_allows(void **state)
{
    (void)state;
    rule_exits(0, in_place);
    rule_exits(0, captured);
    rule_breaks("memory", "a tensor of cudnnBackendExecute", freed_in_graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_allows),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
