/* What tests may ask of the simulated GPU: failures, other devices, counts; and what devices say. */
#include <string.h>

#include "rules.h"

static const enum cudaStreamCaptureMode local = cudaStreamCaptureModeThreadLocal;

/* ---- failures ----------------------------------------------------------------------------- */

static void note(cudaError_t *first, cudaError_t e)
{
    if (*first == cudaSuccess)
        *first = e;
}

/* One of everything; returns the first error, having destroyed what it made. */
static cudaError_t use_all(void)
{
    cudaError_t e = cudaSuccess;
    cudaStream_t s = NULL, other = NULL;
    cudaEvent_t start = NULL, end = NULL;
    cudaGraph_t g = NULL;
    cudaGraphExec_t exec = NULL;
    float *p = NULL, *pinned = NULL, *mapped = NULL;
    struct tnk_test_scale_args a = {NULL, NULL, 0, 0, 0};
    float ms;
    size_t left, total, nodes;
    int number;
    struct cudaDeviceProp properties;
    struct cudaFuncAttributes attributes;
    enum cudaStreamCaptureStatus status;
    enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    union {
        tn_any_kernel function;
        const void *object;
    } key = {(tn_any_kernel)tnk_test_scale_f32};

    note(&e, cudaGetDeviceCount(&number));
    note(&e, cudaSetDevice(0));
    note(&e, cudaGetDevice(&number));
    note(&e, cudaDriverGetVersion(&number));
    note(&e, cudaRuntimeGetVersion(&number));
    note(&e, cudaGetDeviceProperties(&properties, 0));
    note(&e, cudaDeviceGetAttribute(&number, cudaDevAttrWarpSize, 0));
    note(&e, cudaFuncGetAttributes(&attributes, key.object));
    note(&e, cudaMemGetInfo(&left, &total));
    note(&e, cudaThreadExchangeStreamCaptureMode(&mode));
    note(&e, cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    note(&e, cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    note(&e, cudaEventCreateWithFlags(&start, cudaEventDefault));
    note(&e, cudaEventCreateWithFlags(&end, cudaEventDefault));
    note(&e, cudaMalloc((void **)&p, 64));
    note(&e, cudaMallocHost((void **)&pinned, 64));
    note(&e, cudaHostAlloc((void **)&mapped, 64, cudaHostAllocMapped));
    if (e == cudaSuccess) {
        void *seen;
        note(&e, cudaHostGetDevicePointer(&seen, mapped, 0));
        note(&e, cudaEventRecord(start, s));
        note(&e, cudaStreamWaitEvent(other, start, 0));
        note(&e, cudaMemsetAsync(p, 0, 64, s));
        note(&e, cudaMemset(p, 0, 64));
        note(&e, cudaMemcpyAsync(pinned, p, 64, cudaMemcpyDeviceToHost, s));
        note(&e, cudaMemcpy(p, pinned, 64, cudaMemcpyHostToDevice));
        note(&e, TN_LAUNCH(tnk_test_scale_f32, 1, 32, 0, s, &a));
        note(&e, cudaEventRecord(end, s));
        note(&e, cudaEventSynchronize(end));
        note(&e, cudaEventQuery(end));
        note(&e, cudaStreamSynchronize(s));
        note(&e, cudaStreamQuery(s));
        note(&e, cudaDeviceSynchronize());
        note(&e, cudaEventElapsedTime(&ms, start, end));
    }
    if (e == cudaSuccess)
        note(&e, cudaStreamBeginCapture(s, local));
    if (e == cudaSuccess) {
        note(&e, cudaStreamIsCapturing(s, &status));
        note(&e, cudaStreamEndCapture(s, &g));
    }
    if (e == cudaSuccess)
        note(&e, cudaGraphGetNodes(g, NULL, &nodes));
    if (e == cudaSuccess)
        note(&e, cudaGraphInstantiate(&exec, g, 0));
    if (exec)
        note(&e, cudaGraphLaunch(exec, s));
    note(&e, cudaFree(p));
    note(&e, cudaFreeHost(pinned));
    note(&e, cudaFreeHost(mapped));
    if (exec)
        note(&e, cudaGraphExecDestroy(exec));
    if (g)
        note(&e, cudaGraphDestroy(g));
    if (start)
        note(&e, cudaEventDestroy(start));
    if (end)
        note(&e, cudaEventDestroy(end));
    if (s)
        note(&e, cudaStreamDestroy(s));
    if (other)
        note(&e, cudaStreamDestroy(other));
    return e;
}

static void test_each_entry_point(void **state)
{
    (void)state;
    static const char *const functions[] = {
        "cudaGetDeviceCount",
        "cudaSetDevice",
        "cudaGetDevice",
        "cudaDriverGetVersion",
        "cudaRuntimeGetVersion",
        "cudaGetDeviceProperties",
        "cudaDeviceGetAttribute",
        "cudaFuncGetAttributes",
        "cudaMemGetInfo",
        "cudaThreadExchangeStreamCaptureMode",
        "cudaStreamCreateWithFlags",
        "cudaEventCreateWithFlags",
        "cudaMalloc",
        "cudaMallocHost",
        "cudaHostAlloc",
        "cudaHostGetDevicePointer",
        "cudaEventRecord",
        "cudaStreamWaitEvent",
        "cudaMemsetAsync",
        "cudaMemset",
        "cudaMemcpyAsync",
        "cudaMemcpy",
        "cudaLaunchKernel",
        "cudaEventSynchronize",
        "cudaEventQuery",
        "cudaStreamSynchronize",
        "cudaStreamQuery",
        "cudaDeviceSynchronize",
        "cudaEventElapsedTime",
        "cudaStreamBeginCapture",
        "cudaStreamIsCapturing",
        "cudaStreamEndCapture",
        "cudaGraphGetNodes",
        "cudaGraphInstantiate",
        "cudaGraphLaunch",
        "cudaFree",
        "cudaFreeHost",
        "cudaGraphExecDestroy",
        "cudaGraphDestroy",
        "cudaEventDestroy",
        "cudaStreamDestroy",
    };
    assert_cuda(use_all());
    for (size_t i = 0; i < TN_COUNT(functions); i++) {
        const bool allocates = strstr(functions[i], "Alloc") || strstr(functions[i], "Malloc");
        tn_sim_trace_begin();
        tn_sim_fail_at(functions[i], 1);
        const cudaError_t e = use_all();
        if (e != (allocates ? cudaErrorMemoryAllocation : cudaErrorUnknown))
            fail_msg("%s: %s", functions[i], cudaGetErrorName(e));
        assert_true(tn_sim_trace_calls(functions[i]) >= 1);
        tn_sim_check_leaks();
        assert_true(cudaGetLastError() != cudaSuccess);
        assert_cuda(use_all()); /* once */
    }
    tn_sim_fail_at(NULL, 0);
}

/* The 1st, 2nd, ... call of all, until none is left to fail. */
static void test_every_call(void **state)
{
    (void)state;
    long nth = 1;
    for (;; nth++) {
        tn_sim_fail_at("", nth);
        const cudaError_t e = use_all();
        tn_sim_check_leaks();
        if (e == cudaSuccess)
            break;
    }
    tn_sim_fail_at(NULL, 0);
    assert_in_range(nth, 40, 80);
    cudaGetLastError();
}

/* ---- devices ------------------------------------------------------------------------------ */

static void test_devices(void **state)
{
    (void)state;
    int count, device;
    assert_cuda(cudaGetDeviceCount(&count));
    assert_int_equal(count, 8);
    assert_cuda(cudaSetDevice(7));
    assert_cuda(cudaGetDevice(&device));
    assert_int_equal(device, 7);
    assert_error(cudaSetDevice(8), cudaErrorInvalidDevice);
    assert_error(cudaSetDevice(-1), cudaErrorInvalidDevice);
    tn_sim_set_devices(1);
    assert_cuda(cudaGetDeviceCount(&count));
    assert_int_equal(count, 1);
    assert_error(cudaSetDevice(1), cudaErrorInvalidDevice);
    tn_sim_set_devices(0);
    assert_error(cudaGetDeviceCount(&count), cudaErrorNoDevice);
    assert_int_equal(count, 0);
    tn_sim_set_devices(8);
    assert_cuda(cudaSetDevice(0));
    cudaGetLastError();
}

static void test_no_driver(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        int error, driver;
    } cases[] = {
        {"no driver", 35, 0},
        {"the toolkit's stub of one", 34, CUDART_VERSION},
        {"no device", 100, CUDART_VERSION},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        int count, version;
        tn_sim_set_count_error(cases[i].error);
        assert_error(cudaGetDeviceCount(&count), (cudaError_t)cases[i].error);
        assert_int_equal(count, 0);
        assert_error(cudaSetDevice(0), (cudaError_t)cases[i].error);
        assert_cuda(cudaDriverGetVersion(&version));
        assert_int_equal(version, cases[i].driver);
        assert_cuda(cudaRuntimeGetVersion(&version));
        assert_int_equal(version, CUDART_VERSION);
    }
    tn_sim_set_count_error(0);
    cudaGetLastError();
}

static void test_models(void **state)
{
    (void)state;
    static const struct {
        const char *name, *full;
        int major, minor;
    } cases[] = {
        {"t4", "Tesla T4", 7, 5},
        {"a100", "NVIDIA A100-SXM4-40GB", 8, 0},
        {"r3090", "NVIDIA GeForce RTX 3090", 8, 6},
        {"r4090", "NVIDIA GeForce RTX 4090", 8, 9},
        {"r5090", "NVIDIA GeForce RTX 5090", 12, 0},
        {"b200", "NVIDIA B200", 10, 0},
        {"h100", "NVIDIA H100 80GB HBM3", 9, 0},
    };
    assert_false(tn_sim_set_gpu("voodoo"));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        struct cudaDeviceProp p;
        int value;
        assert_true(tn_sim_set_gpu(cases[i].name));
        assert_cuda(cudaGetDeviceProperties(&p, 3));
        assert_string_equal(p.name, cases[i].full);
        assert_int_equal(p.major, cases[i].major);
        assert_int_equal(p.minor, cases[i].minor);
        assert_int_equal(p.multiProcessorCount, 8); /* small, to be quick */
        assert_int_equal(p.totalGlobalMem, (size_t)2 << 30);
        assert_cuda(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0));
        assert_int_equal(value, 8);
        assert_cuda(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0));
        assert_int_equal(value, cases[i].major);
    }
    struct cudaDeviceProp p;
    assert_error(cudaGetDeviceProperties(&p, 8), cudaErrorInvalidDevice);
    cudaGetLastError();
}

/* ---- trace -------------------------------------------------------------------------------- */

static void test_trace(void **state)
{
    (void)state;
    use_all();
    tn_sim_trace_begin();
    assert_int_equal(tn_sim_trace_calls("cudaMalloc"), 0);
    assert_cuda(use_all());
    const tn_sim_counts c = tn_sim_trace_counts();
    assert_int_equal(c.launches, 1);
    assert_int_equal(c.graph_launches, 1);
    assert_int_equal(c.copies_to_device, 1);
    assert_int_equal(c.bytes_to_device, 64);
    assert_int_equal(c.copies_from_device, 1);
    assert_int_equal(c.bytes_from_device, 64);
    assert_int_equal(c.copies_inside, 0);
    assert_int_equal(c.fills, 2);
    assert_int_equal(c.allocations, 3);
    assert_int_equal(c.frees, 3);
    assert_int_equal(c.synchronisations, 4);
    assert_int_equal(tn_sim_trace_calls("cudaStreamCreateWithFlags"), 2);
    assert_int_equal(tn_sim_trace_calls("cudaNever"), 0);
    assert_in_range(tn_sim_trace_calls(""), 45, 60);
    /* Other parts write what they do with their own names. */
    static const char *const executions[] = {"cudnnBackendExecute", "cudnnPoolingForward",
                                             "cudnnSoftmaxBackward",
                                             "cudnnBatchNormalizationForwardTraining"};
    static const char *const none[] = {"cudnnGetConvolutionForwardWorkspaceSize",
                                       "cudnnBackendFinalize"};
    for (size_t i = 0; i < TN_COUNT(executions); i++)
        assert_false(tn_sim_enter(executions[i], 0));
    for (size_t i = 0; i < TN_COUNT(none); i++)
        assert_false(tn_sim_enter(none[i], 0));
    assert_false(tn_sim_enter("cublasLtMatmul", 0));
    assert_int_equal(tn_sim_trace_counts().executions, TN_COUNT(executions));
    assert_int_equal(tn_sim_trace_counts().matmuls, 1);
}

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(cudaGetErrorName(cudaSuccess), "cudaSuccess");
    assert_string_equal(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
    assert_string_equal(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
    assert_string_equal(cudaGetErrorString((cudaError_t)12345), "unrecognized error code");
}

/* ---- broken rules ------------------------------------------------------------------------- */

static int thing; /* somebody else's object */

static void leak_thing(void)
{
    tn_sim_born("thing", &thing);
    tn_sim_check_leaks();
}
static void leak_at_exit(void)
{
    new_device(4);
    exit(0);
}
static void fail_at_exit(void)
{
    new_device(4);
    exit(3);
}
static void destroy_twice(void)
{
    tn_sim_born("thing", &thing);
    tn_sim_died("thing", &thing);
    tn_sim_born("thing", &thing); /* its memory may be used again */
    tn_sim_died("thing", &thing);
    tn_sim_died("thing", &thing);
}
static void unknown_attribute(void)
{
    int value;
    cudaDeviceGetAttribute(&value, cudaDevAttrMaxSurface1DWidth, 0);
}

static void test_rules(void **state)
{
    (void)state;
    rule_breaks("leak", "1 thing", leak_thing);
    rule_breaks("leak", "1 device memory", leak_at_exit);
    rule_breaks("destroyed", "thing", destroy_twice);
    rule_breaks("unknown", "attribute", unknown_attribute);
    rule_exits(3, fail_at_exit); /* an error of its own is enough */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_entry_point), cmocka_unit_test(test_every_call),
        cmocka_unit_test(test_devices),          cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_models),           cmocka_unit_test(test_trace),
        cmocka_unit_test(test_errors),           cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
