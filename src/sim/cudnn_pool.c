/*
 * Simulated cuDNN: pooling without a graph, by the loops of the one with (cudnn_resample.c).
 *
 * y may have fewer or more windows than would fit, as long as each begins inside of x. Backward of a
 * maximum looks again for where y is in x; unless it is asked to be deterministic, what several windows
 * give to one element is rounded another way every time. Backward of an average reads dy alone.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "sim/cudnn_legacy.h"

#define POOLING "cuDNN pooling descriptor"

struct cudnnPoolingStruct {
    bool set;
    cudnnPoolingMode_t mode;
    int64_t window[2], pad[2], stride[2];
};

/* ---- descriptors -------------------------------------------------------------------------- */

cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_no_object();
    if (!out)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "poolingDesc == NULL");
    *out = tn_sim_new(1, sizeof **out);
    tn_sim_born(POOLING, *out);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t d, cudnnPoolingMode_t mode,
                                          cudnnNanPropagation_t nan, int window_h, int window_w,
                                          int pad_h, int pad_w, int stride_h, int stride_w)
{
    const struct cudnnPoolingStruct p = {.set = true,
                                         .mode = mode,
                                         .window = {window_h, window_w},
                                         .pad = {pad_h, pad_w},
                                         .stride = {stride_h, stride_w}};
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    tn_sim_check_alive(POOLING, d);
    if ((unsigned)mode > CUDNN_POOLING_MAX_DETERMINISTIC || nan != CUDNN_PROPAGATE_NAN)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "pooling of mode %d, NaN %d", (int)mode,
                           (int)nan);
    for (int i = 0; i < 2; i++)
        if (p.window[i] < 1 || p.stride[i] < 1 || p.pad[i] < 0 || p.pad[i] >= p.window[i])
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM,
                               "pooling by %lld, padded by %lld, stride %lld",
                               (long long)p.window[i], (long long)p.pad[i], (long long)p.stride[i]);
    *d = p;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t d)
{
    const bool fails = tn_sim_enter(__func__, 0);
    if (d)
        tn_sim_died(POOLING, d);
    return fails ? tn_dnn_made_to_fail() : CUDNN_STATUS_SUCCESS;
}

/* ---- calls -------------------------------------------------------------------------------- */

typedef struct run {
    tn_dnn_legacy legacy; /* first */
    tn_dnn_op op;
    bool unordered;
} run;

/* Of f32: larger or smaller by a part in 2^22 the next time. */
static void shake(const tn_dnn_view *v)
{
    static atomic_int times;
    float *x = tn_dnn_gather(v);
    const float factor = atomic_fetch_add(&times, 1) % 2 ? 1 + 0x1p-22F : 1 - 0x1p-22F;
    for (int64_t i = 0; i < tn_dnn_count(v->t); i++)
        x[i] *= factor;
    tn_dnn_scatter(v, x);
    free(x);
}

static void run_pool(void *argument)
{
    const run *r = argument;
    const tn_dnn_legacy *l = &r->legacy;
    tn_dnn_view view[TN_DNN_SLOTS];
    tn_dnn_views v = {NULL};
    tn_dnn_legacy_check_memory(l);
    for (int i = 0; i < TN_DNN_SLOTS; i++) {
        view[i] = (tn_dnn_view){&l->t[i], l->p[i]};
        v[i] = l->has[i] ? &view[i] : NULL;
    }
    if (r->op.number[TN_DNN_MODE] != CUDNN_RESAMPLE_MAXPOOL && l->has[TN_DNN_DX])
        v[TN_DNN_X] = NULL;
    tn_dnn_run_resample(&r->op, v);
    if (r->unordered)
        shake(&view[TN_DNN_DX]);
}

static run begin(const char *what, cudnnBackendDescriptorType_t kind, cudnnPoolingDescriptor_t d)
{
    static const cudnnResampleMode_t mode[] = {
        [CUDNN_POOLING_MAX] = CUDNN_RESAMPLE_MAXPOOL,
        [CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING] = CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING,
        [CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING] = CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING,
        [CUDNN_POOLING_MAX_DETERMINISTIC] = CUDNN_RESAMPLE_MAXPOOL,
    };
    run r = {.legacy.what = what, .op.kind = kind};
    tn_sim_check_alive(POOLING, d);
    r.op.number[TN_DNN_MODE] = mode[d->mode];
    for (int i = 0; i < 2; i++) {
        r.op.number[TN_DNN_WINDOW + i] = d->window[i];
        r.op.number[TN_DNN_PRE + i] = d->pad[i];
        r.op.number[TN_DNN_STRIDE + i] = d->stride[i];
    }
    return r;
}

/* x and y, or their gradients. */
static cudnnStatus_t check(const run *r, cudnnPoolingDescriptor_t d, tn_dnn_slot x, tn_dnn_slot y)
{
    const tn_dnn_tensor *a = &r->legacy.t[x], *b = &r->legacy.t[y];
    if (!d->set)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: descriptor not set", r->legacy.what);
    if (a->type != b->type || a->dim[0] != b->dim[0] || a->dim[1] != b->dim[1])
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: tensors of different types or shapes",
                           r->legacy.what);
    for (int i = 0; i < 2; i++)
        if ((b->dim[2 + i] - 1) * d->stride[i] - d->pad[i] >= a->dim[2 + i])
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: a window begins outside of x",
                               r->legacy.what);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                  const void *alpha, const cudnnTensorDescriptor_t x_desc,
                                  const void *x, const void *beta,
                                  const cudnnTensorDescriptor_t y_desc, void *y)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = begin(__func__, CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, pooling);
    cudnnStatus_t status = tn_dnn_legacy_take(&r.legacy, TN_DNN_X, x_desc, x);
    if (!status)
        status = tn_dnn_legacy_take(&r.legacy, TN_DNN_Y, y_desc, y);
    if (!status)
        status = check(&r, pooling, TN_DNN_X, TN_DNN_Y);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha, beta);
    if (!status)
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_Y, TN_DNN_X);
    return tn_dnn_legacy_run(&r.legacy, sizeof r, handle, status, run_pool);
}

cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                   const void *alpha, const cudnnTensorDescriptor_t y_desc,
                                   const void *y, const cudnnTensorDescriptor_t dy_desc,
                                   const void *dy, const cudnnTensorDescriptor_t x_desc,
                                   const void *x, const void *beta,
                                   const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = begin(__func__, CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR, pooling);
    const struct {
        tn_dnn_slot slot;
        cudnnTensorDescriptor_t d;
        const void *p;
    } tensors[] = {{TN_DNN_Y, y_desc, y},
                   {TN_DNN_DY, dy_desc, dy},
                   {TN_DNN_X, x_desc, x},
                   {TN_DNN_DX, dx_desc, dx}};
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    for (int i = 0; i < 4 && !status; i++)
        status = tn_dnn_legacy_take(&r.legacy, tensors[i].slot, tensors[i].d, tensors[i].p);
    if (!status)
        status = tn_dnn_legacy_alike(&r.legacy, TN_DNN_Y, TN_DNN_DY);
    if (!status)
        status = tn_dnn_legacy_alike(&r.legacy, TN_DNN_X, TN_DNN_DX);
    if (!status)
        status = check(&r, pooling, TN_DNN_DX, TN_DNN_DY);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha, beta);
    if (!status)
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_DX, TN_DNN_DY);
    if (!status && r.op.number[TN_DNN_MODE] == CUDNN_RESAMPLE_MAXPOOL) {
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_DX, TN_DNN_X);
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_DX, TN_DNN_Y);
    }
    r.unordered = pooling->mode == CUDNN_POOLING_MAX;
    return tn_dnn_legacy_run(&r.legacy, sizeof r, handle, status, run_pool);
}
