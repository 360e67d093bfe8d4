/* Rules of the simulated cuDNN: what it returns a status for, and what ends the process. */
#include <stdlib.h>
#include <string.h>

#include "dnn_numbers.h"
#include "sim/cudnn_sim.h"

enum { BYTES = 1 << 14 };

static const dnn_tensor x_shape = {.uid = 1, .dim = {2, 4, 8, 8}};
static const dnn_tensor w_shape = {.uid = 2, .dim = {8, 4, 3, 3}};
static const dnn_tensor y_shape = {.uid = 3, .dim = {2, 8, 6, 6}};
static const dnn_window window = {{0}};

static dnn_desc conv(void)
{
    return dnn_conv(0, &window, dnn_tensor_new(&x_shape), dnn_tensor_new(&w_shape),
                    dnn_tensor_new(&y_shape), 1, 0);
}

static dnn_desc conv_plan(void)
{
    dnn_desc op = conv();
    return dnn_plan_of(numbers_handle, 1, &op, 0);
}

/* What a plan runs with: x, w, y and the workspace. */
static char *memory[4];

static dnn_desc pack(void)
{
    for (int i = 0; i < 4; i++)
        memory[i] = new_device(i < 3 ? BYTES : 1 << 20);
    return dnn_pack(3, (int64_t[]){1, 2, 3}, (void *[]){memory[0], memory[1], memory[2]},
                    memory[3]);
}

static void free_memory(void)
{
    assert_cuda(cudaDeviceSynchronize());
    for (int i = 0; i < 4; i++)
        assert_cuda(cudaFree(memory[i]));
    dnn_end();
}

/* ---- descriptors -------------------------------------------------------------------------- */

static void test_set(void **state)
{
    (void)state;
    const int64_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    dnn_desc t = dnn_tensor_open(&x_shape);
    const struct {
        const char *why;
        cudnnBackendAttributeName_t name;
        cudnnBackendAttributeType_t type;
        int64_t count;
        const void *values;
        cudnnStatus_t status;
    } cases[] = {
        {"of another type", CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_FLOAT, 1, many,
         CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE},
        {"two of one", CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 2, many,
         CUDNN_STATUS_BAD_PARAM},
        {"none", CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 0, many, CUDNN_STATUS_BAD_PARAM},
        {"nine dimensions", CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 9, many,
         CUDNN_STATUS_BAD_PARAM},
        {"of another descriptor", CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, many,
         CUDNN_STATUS_BAD_PARAM},
        {"nothing", CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, NULL, CUDNN_STATUS_BAD_PARAM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (cudnnBackendSetAttribute(t, cases[i].name, cases[i].type, cases[i].count,
                                     cases[i].values) != cases[i].status)
            fail_msg("%s", cases[i].why);
    int64_t n, got[4];
    assert_dnn_is(
        cudnnBackendGetAttribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, &n, got),
        CUDNN_STATUS_NOT_INITIALIZED);
    dnn_finalize(t);
    assert_dnn(
        cudnnBackendGetAttribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, &n, got));
    assert_int_equal(n, 4);
    assert_memory_equal(got, x_shape.dim, sizeof got);
    assert_says(cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, many),
                CUDNN_STATUS_BAD_PARAM, "TENSOR_UNIQUE_ID: is set after");
    assert_dnn_is(cudnnBackendFinalize(t), CUDNN_STATUS_BAD_PARAM);
    assert_dnn_is(
        cudnnBackendSetAttribute(NULL, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, many),
        CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    dnn_end();
}

/* Every attribute that is needed is missed, in every type of descriptor. */
static void test_missing(void **state)
{
    (void)state;
    for (int type = 0; type < 64; type++) {
        int rows;
        const tn_dnn_attribute *a = tn_dnn_attributes((cudnnBackendDescriptorType_t)type, &rows);
        int needed = 0;
        for (int i = 0; i < rows; i++)
            needed += a[i].needed;
        if (!needed)
            continue;
        dnn_desc d = dnn_new((cudnnBackendDescriptorType_t)type);
        assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "is not set");
    }
    static const cudnnBackendAttributeName_t one[] = {
        CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_ATTR_TENSOR_STRIDES,
        CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT};
    const int64_t value[4] = {4, 4, 4, 4};
    for (int left_out = 0; left_out < 5; left_out++) {
        dnn_desc d = dnn_new(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        for (int i = 0; i < 5; i++)
            if (i != left_out)
                dnn_set(d, one[i], i ? CUDNN_TYPE_INT64 : CUDNN_TYPE_DATA_TYPE,
                        i == 1 || i == 2 ? 4 : 1, i ? value : (const int64_t[]){0});
        assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "is not set");
    }
    dnn_end();
}

static cudnnStatus_t finalized_conv(const dnn_tensor *x, const dnn_tensor *w, const dnn_tensor *y)
{
    dnn_desc good = conv(), d = dnn_new(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    dnn_desc how = dnn_new(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    int64_t n;
    assert_dnn(cudnnBackendGetAttribute(good, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &how));
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, how);
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, dnn_tensor_new(x));
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, dnn_tensor_new(w));
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, dnn_tensor_new(y));
    return cudnnBackendFinalize(d);
}

static void test_shapes(void **state)
{
    (void)state;
    dnn_tensor bad = y_shape;
    bad.dim[2] = 7;
    assert_says(finalized_conv(&x_shape, &w_shape, &bad), CUDNN_STATUS_BAD_PARAM,
                "H of y is 7, not 6");
    bad = w_shape;
    bad.dim[1] = 3;
    assert_says(finalized_conv(&x_shape, &bad, &y_shape), CUDNN_STATUS_BAD_PARAM, "C(x) / C(w)");
    bad = x_shape;
    bad.dim[0] = 3;
    assert_says(finalized_conv(&bad, &w_shape, &y_shape), CUDNN_STATUS_BAD_PARAM, "N of y");
    bad = x_shape;
    bad.align = 2; /* less than an element */
    assert_says(cudnnBackendFinalize(dnn_tensor_open(&bad)), CUDNN_STATUS_BAD_PARAM, "alignment");
    bad = x_shape;
    bad.dim[1] = 0;
    assert_dnn_is(cudnnBackendFinalize(dnn_tensor_open(&bad)), CUDNN_STATUS_BAD_PARAM);
    dnn_end();
}

static void test_graphs(void **state)
{
    (void)state;
    dnn_desc open = dnn_tensor_open(&x_shape), d;
    d = dnn_new(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    assert_dnn_is(cudnnBackendSetAttribute(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &open),
                  CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    dnn_tensor hidden = y_shape;
    hidden.is_virtual = true;
    dnn_desc y = dnn_tensor_new(&hidden);
    const dnn_tensor other = {.uid = 4, .dim = {2, 8, 6, 6}};
    dnn_desc ops[2] = {dnn_pointwise(CUDNN_POINTWISE_RELU_FWD, y, NULL, dnn_tensor_new(&other))};
    d = dnn_new(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, ops);
    assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "virtual tensor 3 is not written");
    ops[0] = dnn_conv(0, &window, dnn_tensor_new(&x_shape), dnn_tensor_new(&w_shape), y, 1, 0);
    d = dnn_new(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, ops);
    assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "virtual tensor 3 is not read");
    ops[1] = ops[0];
    d = dnn_new(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 2, ops);
    assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "written by two operations");
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    ops[0] = conv();
    d = dnn_new(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, dnn_graph(1, ops));
    dnn_set(d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    assert_says(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM, "neither device properties");
    dnn_end();
}

/* ---- execution ---------------------------------------------------------------------------- */

static void test_execute(void **state)
{
    (void)state;
    dnn_desc plan = conv_plan(), good = pack();
    void *all[] = {memory[0], memory[1], memory[2], memory[2]};
    const struct {
        const char *text;
        cudnnStatus_t status;
        int n;
        int64_t uid[4];
        void *workspace;
    } cases[] = {
        {"no pointer for the tensor of UID 3",
         CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
         2,
         {1, 2},
         memory[3]},
        {"no tensor of UID 9", CUDNN_STATUS_BAD_PARAM, 4, {1, 2, 3, 9}, memory[3]},
        {"no workspace", CUDNN_STATUS_BAD_PARAM_NULL_POINTER, 3, {1, 2, 3}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_says(
            cudnnBackendExecute(numbers_handle, plan,
                                dnn_pack(cases[i].n, cases[i].uid, all, cases[i].workspace)),
            cases[i].status, cases[i].text);
    assert_dnn_is(cudnnBackendExecute(NULL, plan, good), CUDNN_STATUS_BAD_PARAM);
    assert_dnn_is(cudnnBackendExecute(numbers_handle, good, plan),
                  CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    dnn_desc open = dnn_new(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    assert_dnn_is(cudnnBackendExecute(numbers_handle, open, good),
                  CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    dnn_desc two = dnn_new(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    dnn_set(two, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 2, cases[0].uid);
    dnn_set(two, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, all);
    assert_says(cudnnBackendFinalize(two), CUDNN_STATUS_BAD_PARAM, "2 UIDs, 3 pointers");
    tn_sim_fail_at("cudnnBackendExecute", 1);
    assert_dnn_is(cudnnBackendExecute(numbers_handle, plan, good), CUDNN_STATUS_EXECUTION_FAILED);
    assert_dnn(cudnnBackendExecute(numbers_handle, plan, good));
    free_memory();
}

/* The graph's descriptors are not needed any more; the workspace is of no use afterwards. */
static void test_lasting(void **state)
{
    (void)state;
    dnn_desc kept, config[8], op = conv();
    assert_true(dnn_configs(numbers_handle, dnn_graph(1, &op), CUDNN_HEUR_MODE_A, 8, config) > 0);
    assert_dnn(cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &kept));
    dnn_set_desc(kept, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config[0]);
    dnn_finalize(kept);
    dnn_end();
    dnn_desc with = pack();
    assert_cuda(cudaMemset(memory[3], 0, 1 << 20));
    assert_dnn(cudnnBackendExecute(numbers_handle, kept, with));
    assert_cuda(cudaDeviceSynchronize());
    unsigned char *after = malloc(1 << 20);
    assert_cuda(cudaMemcpy(after, memory[3], 1 << 20, cudaMemcpyDeviceToHost));
    const int64_t used = dnn_workspace(kept);
    assert_true(used > 0 && after[0] == 0xff && after[used - 1] == 0xff && after[used] == 0);
    free(after);
    free_memory();
    assert_dnn(cudnnBackendDestroyDescriptor(kept));
}

/* ---- handles, and what has no graph ------------------------------------------------------- */

static void test_handles(void **state)
{
    (void)state;
    cudnnHandle_t h = NULL;
    cudaStream_t there;
    tn_sim_fail_at("cudnnCreate", 1);
    assert_dnn_is(cudnnCreate(&h), CUDNN_STATUS_NOT_INITIALIZED);
    assert_null(h);
    assert_dnn_is(cudnnCreate(NULL), CUDNN_STATUS_BAD_PARAM);
    assert_dnn_is(cudnnSetStream(NULL, NULL), CUDNN_STATUS_BAD_PARAM);
    assert_dnn(cudnnCreate(&h));
    assert_cuda(cudaSetDevice(1));
    there = new_stream();
    assert_cuda(cudaSetDevice(0));
    assert_says(cudnnSetStream(h, there), CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH,
                "the stream is on device 1, the handle on 0");
    assert_dnn(cudnnDestroy(h));
    assert_cuda(cudaStreamDestroy(there));
    assert_int_equal(cudnnGetVersion(), CUDNN_VERSION);
    tn_sim_fail_at("cudnnGetVersion", 1);
    assert_true(cudnnGetVersion() < 90800); /* too old for us */
    assert_string_equal(cudnnGetErrorString(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT),
                        "CUDNN_STATUS_NOT_SUPPORTED_LAYOUT");
}

static void test_legacy(void **state)
{
    (void)state;
    const float one = 1, zero = 0;
    const cudnnSoftmaxAlgorithm_t how = CUDNN_SOFTMAX_ACCURATE;
    const cudnnSoftmaxMode_t mode = CUDNN_SOFTMAX_MODE_CHANNEL;
    cudnnTensorDescriptor_t a, b;
    cudnnLRNDescriptor_t lrn;
    char *x = new_device(BYTES), *y = new_device(BYTES);
    assert_dnn(cudnnCreateTensorDescriptor(&a));
    assert_dnn(cudnnCreateTensorDescriptor(&b));
    assert_dnn(cudnnCreateLRNDescriptor(&lrn));
    assert_dnn(cudnnSetTensor4dDescriptor(a, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4, 3, 3));
    assert_says(cudnnSoftmaxForward(numbers_handle, how, mode, &one, a, x, &zero, b, y),
                CUDNN_STATUS_BAD_PARAM, "was not set");
    assert_dnn(cudnnSetTensor4dDescriptorEx(b, CUDNN_DATA_FLOAT, 2, 4, 3, 2, 24, 6, 2, 1));
    assert_says(cudnnSoftmaxForward(numbers_handle, how, mode, &one, a, x, &zero, b, y),
                CUDNN_STATUS_BAD_PARAM, "different types or shapes");
    assert_says(cudnnSoftmaxForward(numbers_handle, how, mode, &one, a, NULL, &zero, a, y),
                CUDNN_STATUS_BAD_PARAM, "at NULL");
    assert_says(cudnnSoftmaxForward(NULL, how, mode, &one, a, x, &zero, a, y),
                CUDNN_STATUS_BAD_PARAM, "handle");
    assert_says(cudnnSetTensor4dDescriptor(b, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 0, 3, 3),
                CUDNN_STATUS_BAD_PARAM, "dimension 0 is 2, its stride 0");
    assert_dnn_is(cudnnSetLRNDescriptor(lrn, 17, 1e-4, 0.75, 2), CUDNN_STATUS_BAD_PARAM);
    assert_says(cudnnLRNCrossChannelForward(numbers_handle, lrn, CUDNN_LRN_CROSS_CHANNEL_DIM1, &one,
                                            a, x, &zero, a, y),
                CUDNN_STATUS_BAD_PARAM, "not set");
    assert_dnn(cudnnDestroyLRNDescriptor(lrn));
    assert_dnn(cudnnDestroyTensorDescriptor(a));
    assert_dnn(cudnnDestroyTensorDescriptor(b));
    assert_cuda(cudaFree(x));
    assert_cuda(cudaFree(y));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),     cmocka_unit_test(test_missing),
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_execute), cmocka_unit_test(test_lasting),
        cmocka_unit_test(test_handles), cmocka_unit_test(test_legacy),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
