/* Simulated cuDNN: what the functions without graphs share, and their descriptors of tensors. */
#include "sim/cudnn_legacy.h"

#include <string.h>

#define TENSOR "cuDNN tensor descriptor"

struct cudnnTensorStruct {
    tn_dnn_tensor t; /* dims: 0 until it is set */
};

/* ---- descriptors -------------------------------------------------------------------------- */

cudnnStatus_t tn_dnn_made_to_fail(void)
{
    return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
}

cudnnStatus_t tn_dnn_no_object(void)
{
    return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "made to fail");
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_no_object();
    if (!out)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensorDesc == NULL");
    *out = tn_sim_new(1, sizeof **out);
    tn_sim_born(TENSOR, *out);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t d)
{
    const bool fails = tn_sim_enter(__func__, 0);
    if (d)
        tn_sim_died(TENSOR, d); /* its memory stays, as that of all objects */
    return fails ? tn_dnn_made_to_fail() : CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t set_tensor(cudnnTensorDescriptor_t d, cudnnDataType_t type,
                                const int64_t dim[4], const int64_t stride[4])
{
    tn_sim_check_alive(TENSOR, d);
    const cudnnStatus_t no = CUDNN_STATUS_BAD_PARAM;
    if (type != CUDNN_DATA_FLOAT && type != CUDNN_DATA_HALF && type != CUDNN_DATA_BFLOAT16)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "a tensor of data type %d", (int)type);
    for (int i = 0; i < 4; i++)
        if (dim[i] < 1 || stride[i] < 1)
            return tn_dnn_fail(no, "a tensor's dimension %d is %lld, its stride %lld", i,
                               (long long)dim[i], (long long)stride[i]);
    d->t = (tn_dnn_tensor){.type = type, .dims = 4};
    memcpy(d->t.dim, dim, 4 * sizeof *dim);
    memcpy(d->t.stride, stride, 4 * sizeof *stride);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t d, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w)
{
    const int64_t dim[4] = {n, c, h, w};
    const int64_t nchw[4] = {dim[1] * h * w, (int64_t)h * w, w, 1};
    const int64_t nhwc[4] = {dim[1] * h * w, 1, (int64_t)w * c, c};
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    if (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "a tensor of format %d", (int)format);
    return set_tensor(d, type, dim, format == CUDNN_TENSOR_NHWC ? nhwc : nchw);
}

cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t d, cudnnDataType_t type, int n,
                                           int c, int h, int w, int n_stride, int c_stride,
                                           int h_stride, int w_stride)
{
    const int64_t dim[4] = {n, c, h, w}, stride[4] = {n_stride, c_stride, h_stride, w_stride};
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    return set_tensor(d, type, dim, stride);
}

/* ---- calls -------------------------------------------------------------------------------- */

cudnnStatus_t tn_dnn_legacy_take(tn_dnn_legacy *l, tn_dnn_slot slot, cudnnTensorDescriptor_t d,
                                 const void *p)
{
    tn_sim_check_alive(TENSOR, d);
    if (!p || !d->t.dims)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: a tensor %s", l->what,
                           p ? "whose descriptor was not set" : "at NULL");
    if ((uintptr_t)p % tn_sim_bytes_of(d->t.type))
        tn_sim_break("alignment", "%s: a tensor is at %p", l->what, p);
    l->has[slot] = true;
    l->t[slot] = d->t;
    memcpy(&l->p[slot], &p, sizeof p);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_legacy_alike(const tn_dnn_legacy *l, tn_dnn_slot a, tn_dnn_slot b)
{
    if (l->t[a].type == l->t[b].type && !memcmp(l->t[a].dim, l->t[b].dim, sizeof l->t[a].dim))
        return CUDNN_STATUS_SUCCESS;
    return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: tensors of different types or shapes", l->what);
}

static size_t bytes_of(const tn_dnn_legacy *l, int slot)
{
    return (size_t)tn_dnn_span(&l->t[slot]) * tn_sim_bytes_of(l->t[slot].type);
}

void tn_dnn_legacy_apart(const tn_dnn_legacy *l, tn_dnn_slot written, tn_dnn_slot read)
{
    const char *w = l->p[written], *r = l->p[read];
    if (l->has[written] && l->has[read] && w < r + bytes_of(l, read) &&
        r < w + bytes_of(l, written))
        tn_sim_break("overlap", "%s: what it writes lies where it reads", l->what);
}

cudnnStatus_t tn_dnn_legacy_unscaled(const tn_dnn_legacy *l, const void *alpha, const void *beta)
{
    const float one = 1, zero = 0;
    if (!alpha || !beta)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: alpha or beta is NULL", l->what);
    if (memcmp(alpha, &one, sizeof one) != 0 || memcmp(beta, &zero, sizeof zero) != 0)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: alpha is not 1, or beta not 0",
                           l->what);
    return CUDNN_STATUS_SUCCESS;
}

void tn_dnn_legacy_check_memory(const tn_dnn_legacy *l)
{
    for (int i = 0; i < TN_DNN_SLOTS; i++)
        if (l->has[i])
            tn_sim_check_memory(l->device, l->what, l->p[i], bytes_of(l, i));
}

static cudnnStatus_t enqueue(tn_dnn_legacy *l, size_t size, const struct cudnnContext *h,
                             void (*body)(void *))
{
    l->device = h->device;
    for (int i = 0; i < TN_DNN_SLOTS; i++)
        if (l->has[i] && l->t[i].type == CUDNN_DATA_BFLOAT16 &&
            tn_dnn_ask_device(h->device).version < 800)
            return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: bf16 before sm_80", l->what);
    if (tn_dnn_refuses_call(l->what))
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: made to refuse", l->what);
    tn_dnn_legacy_check_memory(l);
    const cudaError_t e = tn_sim_enqueue(h->stream, l->what, body, l, size);
    return e ? tn_dnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "%s: CUDA error %d", l->what,
                           (int)e)
             : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_legacy_run(tn_dnn_legacy *l, size_t size, cudnnHandle_t handle,
                                cudnnStatus_t status, void (*body)(void *))
{
    struct cudnnContext *h = tn_dnn_handle_begin(l->what, handle);
    if (!h)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: handle == NULL", l->what);
    if (!status)
        status = enqueue(l, size, h, body);
    tn_dnn_handle_end(h);
    return status;
}
