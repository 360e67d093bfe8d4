/*
 * Simulated cuDNN: handles, versions, errors.
 *
 * A handle belongs to the device that was current when it was made, and to one thread at a time.
 */
#include <stdarg.h>
#include <stdio.h>

#include "sim/cudnn_sim.h"

static _Thread_local char last_error[512];

cudnnStatus_t tn_dnn_fail(cudnnStatus_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

struct cudnnContext *tn_dnn_handle_begin(const char *function, cudnnHandle_t h)
{
    if (!h)
        return NULL;
    tn_sim_check_alive("cuDNN handle", h);
    if (h->device != tn_sim_device())
        tn_sim_break("device", "%s: the cuDNN handle was made on device %d, the thread is on %d",
                     function, h->device, tn_sim_device());
    if (atomic_exchange(&h->busy, true))
        tn_sim_break("handle", "%s: another thread uses the same cuDNN handle", function);
    return h;
}

void tn_dnn_handle_end(struct cudnnContext *h)
{
    atomic_store(&h->busy, false);
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "made to fail");
    if (!out)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "cudnnCreate: handle == NULL");
    struct cudnnContext *h = tn_sim_new(1, sizeof *h);
    h->device = tn_sim_device();
    tn_sim_born("cuDNN handle", h);
    *out = h;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t h)
{
    const bool fails = tn_sim_enter(__func__, 0);
    if (h)
        tn_sim_died("cuDNN handle", h); /* its memory stays, as the runtime's objects' does */
    return fails ? tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail") : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
    struct cudnnContext *h = tn_dnn_handle_begin("cudnnSetStream", handle);
    if (!h)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "cudnnSetStream: handle == NULL");
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if (stream && tn_sim_stream_device(stream) != h->device)
        status = tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH,
                             "cudnnSetStream: the stream is on device %d, the handle on %d",
                             tn_sim_stream_device(stream), h->device);
    else
        h->stream = stream;
    tn_dnn_handle_end(h);
    return status;
}

/* 9.0.0 if it is made to fail: a version that is too old. */
size_t cudnnGetVersion(void)
{
    return tn_sim_enter(__func__, 0) ? 90000 : CUDNN_VERSION;
}

size_t cudnnGetCudartVersion(void)
{
    return tn_sim_enter(__func__, 0) ? 0 : CUDART_VERSION;
}

#define NAME(status) \
    case status:     \
        return #status

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    switch (status) {
        NAME(CUDNN_STATUS_SUCCESS);
        NAME(CUDNN_STATUS_NOT_INITIALIZED);
        NAME(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH);
        NAME(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH);
        NAME(CUDNN_STATUS_BAD_PARAM);
        NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        NAME(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
        NAME(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
        NAME(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
        NAME(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
        NAME(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        NAME(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
        NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
        NAME(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
        NAME(CUDNN_STATUS_NOT_SUPPORTED);
        NAME(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN);
        NAME(CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
        NAME(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
        NAME(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
        NAME(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
        NAME(CUDNN_STATUS_INTERNAL_ERROR);
        NAME(CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED);
        NAME(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
        NAME(CUDNN_STATUS_EXECUTION_FAILED);
        NAME(CUDNN_STATUS_EXECUTION_FAILED_CUDART);
    default:
        return "CUDNN_UNKNOWN_STATUS";
    }
}

void cudnnGetLastErrorString(char *message, size_t bytes)
{
    if (message && bytes)
        snprintf(message, bytes, "%s", last_error);
}
