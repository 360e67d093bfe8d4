/* Capture on the simulated GPU: what is not allowed meanwhile, and what becomes of it then. */
#include <pthread.h>

#include "fixture.h"

static const enum cudaStreamCaptureMode local = cudaStreamCaptureModeThreadLocal;

/* ---- what a capture does not allow -------------------------------------------------------- */

static float pageable[N];

static cudaError_t wait_for_stream(void)
{
    return cudaStreamSynchronize(first);
}
static cudaError_t wait_for_other_stream(void)
{
    return cudaStreamSynchronize(third);
}
static cudaError_t wait_for_device(void)
{
    return cudaDeviceSynchronize();
}
static cudaError_t ask_stream(void)
{
    return cudaStreamQuery(first);
}
static cudaError_t ask_event(void)
{
    return cudaEventQuery(join);
}
static cudaError_t allocate(void)
{
    void *p;
    return cudaMalloc(&p, 4);
}
static cudaError_t allocate_pinned(void)
{
    void *p;
    return cudaMallocHost(&p, 4);
}
static cudaError_t give_back(void)
{
    return cudaFree(x);
}
static cudaError_t give_pinned_back(void)
{
    return cudaFreeHost(pinned);
}
static cudaError_t copy_pageable_in(void)
{
    return cudaMemcpyAsync(x, pageable, BYTES, to_device, first);
}
static cudaError_t copy_pageable_out(void)
{
    return cudaMemcpyAsync(pageable, x, BYTES, from_device, first);
}
static cudaError_t copy_and_wait(void)
{
    return cudaMemcpy(x, pinned, BYTES, to_device);
}
static cudaError_t wait_for_uncaptured(void)
{
    assert_cuda(cudaEventRecord(join, third));
    return cudaStreamWaitEvent(first, join, 0);
}

static void test_invalidated(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        cudaError_t (*call)(void);
        cudaError_t error;
    } cases[] = {
        {"waits for it", wait_for_stream, cudaErrorStreamCaptureUnsupported},
        {"waits for another stream", wait_for_other_stream, cudaErrorStreamCaptureUnsupported},
        {"waits for the device", wait_for_device, cudaErrorStreamCaptureUnsupported},
        {"asks the stream", ask_stream, cudaErrorStreamCaptureUnsupported},
        {"asks an event", ask_event, cudaErrorStreamCaptureUnsupported},
        {"allocates", allocate, cudaErrorStreamCaptureUnsupported},
        {"allocates pinned memory", allocate_pinned, cudaErrorStreamCaptureUnsupported},
        {"frees", give_back, cudaErrorStreamCaptureUnsupported},
        {"frees pinned memory", give_pinned_back, cudaErrorStreamCaptureUnsupported},
        {"copies from pageable memory", copy_pageable_in, cudaErrorStreamCaptureUnsupported},
        {"copies to pageable memory", copy_pageable_out, cudaErrorStreamCaptureUnsupported},
        {"copies and waits", copy_and_wait, cudaErrorStreamCaptureUnsupported},
        {"waits for work outside", wait_for_uncaptured, cudaErrorStreamCaptureIsolation},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        cudaGraph_t g;
        enum cudaStreamCaptureStatus status;
        struct tnk_test_scale_args a = {x, x, N, 1, 0};
        assert_cuda(cudaStreamBeginCapture(first, local));
        scale(x, x, 1, 0, first);
        const cudaError_t e = cases[i].call();
        if (e != cases[i].error)
            fail_msg("who %s in a capture gets %s", cases[i].why, cudaGetErrorName(e));
        assert_cuda(cudaStreamIsCapturing(first, &status));
        assert_int_equal(status, cudaStreamCaptureStatusInvalidated);
        assert_error(TN_LAUNCH(tnk_test_scale_f32, 1, 1, 0, first, &a),
                     cudaErrorStreamCaptureInvalidated);
        assert_error(cudaStreamEndCapture(first, &g), cudaErrorStreamCaptureInvalidated);
        assert_null(g);
        assert_cuda(cudaStreamSynchronize(first)); /* as before */
    }
    cudaGetLastError();
}

static void test_refused(void **state)
{
    (void)state;
    cudaGraph_t g;
    assert_error(cudaStreamBeginCapture(NULL, local), cudaErrorStreamCaptureUnsupported);
    assert_error(cudaStreamEndCapture(first, &g), cudaErrorIllegalState);
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_error(cudaStreamBeginCapture(first, local), cudaErrorIllegalState);
    /* Another one's event, and its end. */
    assert_cuda(cudaStreamBeginCapture(second, local));
    assert_cuda(cudaEventRecord(split, second));
    assert_error(cudaStreamWaitEvent(first, split, 0), cudaErrorStreamCaptureMerge);
    assert_error(cudaStreamEndCapture(first, &g), cudaErrorStreamCaptureInvalidated);
    assert_error(cudaStreamEndCapture(second, &g), cudaErrorStreamCaptureInvalidated);
    /* A stream that took part and is not waited for. */
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaEventRecord(split, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    scale(y, y, 1, 0, second);
    assert_error(cudaStreamEndCapture(first, &g), cudaErrorStreamCaptureUnjoined);
    /* Ended by the other stream. */
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaEventRecord(split, first));
    assert_cuda(cudaStreamWaitEvent(second, split, 0));
    assert_error(cudaStreamEndCapture(second, &g), cudaErrorStreamCaptureUnmatched);
    assert_error(cudaStreamEndCapture(first, &g), cudaErrorStreamCaptureInvalidated);
    /* An event that was captured says nothing outside. */
    assert_error(cudaEventQuery(split), cudaErrorCapturedEvent);
    assert_error(cudaEventSynchronize(split), cudaErrorCapturedEvent);
    assert_error(cudaStreamWaitEvent(third, split, 0), cudaErrorCapturedEvent);
    assert_cuda(cudaEventRecord(split, first));
    assert_cuda(cudaEventSynchronize(split));
    cudaGetLastError();
}

/* The legacy stream would have to wait for a blocking one that is being captured. */
static void test_legacy_stream(void **state)
{
    (void)state;
    cudaStream_t blocking;
    cudaGraph_t g;
    assert_cuda(cudaStreamCreateWithFlags(&blocking, cudaStreamDefault));
    assert_cuda(cudaStreamBeginCapture(blocking, local));
    assert_error(cudaMemsetAsync(x, 0, BYTES, NULL), cudaErrorStreamCaptureImplicit);
    assert_error(cudaStreamEndCapture(blocking, &g), cudaErrorStreamCaptureInvalidated);
    assert_cuda(cudaStreamBeginCapture(first, local)); /* which is none of its business */
    assert_cuda(cudaMemsetAsync(x, 0, BYTES, NULL));
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphDestroy(g));
    assert_cuda(cudaStreamDestroy(blocking));
    cudaGetLastError();
}

/* ---- other threads ------------------------------------------------------------------------ */

static cudaError_t other_error;

static void *allocate_elsewhere(void *unused)
{
    void *p = NULL;
    other_error = cudaMalloc(&p, 4);
    cudaFree(p);
    return unused;
}
static void *allocate_relaxed(void *unused)
{
    enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    assert_cuda(cudaThreadExchangeStreamCaptureMode(&mode));
    assert_int_equal(mode, cudaStreamCaptureModeGlobal);
    return allocate_elsewhere(unused);
}
static void *end_elsewhere(void *unused)
{
    cudaGraph_t g;
    other_error = cudaStreamEndCapture(first, &g);
    return unused;
}
static cudaError_t in_thread(void *(*body)(void *))
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, body, NULL), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    return other_error;
}

static void test_threads(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum cudaStreamCaptureMode mode;
        void *(*body)(void *);
        cudaError_t error, end;
    } cases[] = {
        {"another thread allocates", cudaStreamCaptureModeThreadLocal, allocate_elsewhere,
         cudaSuccess, cudaSuccess},
        {"the same, and nobody may", cudaStreamCaptureModeGlobal, allocate_elsewhere,
         cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated},
        {"the same, by one who cares for nothing", cudaStreamCaptureModeGlobal, allocate_relaxed,
         cudaSuccess, cudaSuccess},
        {"another thread ends it", cudaStreamCaptureModeThreadLocal, end_elsewhere,
         cudaErrorStreamCaptureWrongThread, cudaErrorStreamCaptureInvalidated},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        cudaGraph_t g;
        assert_cuda(cudaStreamBeginCapture(first, cases[i].mode));
        assert_error(in_thread(cases[i].body), cases[i].error);
        assert_error(cudaStreamEndCapture(first, &g), cases[i].end);
        if (g)
            assert_cuda(cudaGraphDestroy(g));
    }
    void *p; /* who captures relaxed, or cares for nothing meanwhile, may do anything */
    cudaGraph_t g;
    enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    assert_cuda(cudaStreamBeginCapture(first, local));
    assert_cuda(cudaThreadExchangeStreamCaptureMode(&mode));
    assert_cuda(cudaMalloc(&p, 4));
    assert_cuda(cudaFree(p));
    assert_cuda(cudaThreadExchangeStreamCaptureMode(&mode));
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphDestroy(g));
    assert_cuda(cudaStreamBeginCapture(first, cudaStreamCaptureModeRelaxed));
    assert_cuda(cudaMalloc(&p, 4));
    assert_cuda(cudaStreamEndCapture(first, &g));
    assert_cuda(cudaGraphDestroy(g));
    assert_cuda(cudaFree(p));
    cudaGetLastError();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalidated),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_legacy_stream),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
