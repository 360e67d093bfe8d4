/*
 * Simulated cuDNN: batch normalization without a graph; in training by the loops of the one with
 * (cudnn_norm.c).
 *
 * x, y and gradients are of any one type, all that has a number a channel is f32. Nothing is promised
 * in place. Running statistics take the variance with M - 1; what is saved is 1 / sqrt(var + epsilon).
 */
#include <math.h>
#include <stdlib.h>

#include "sim/cudnn_legacy.h"

typedef struct run {
    tn_dnn_legacy legacy; /* first */
    tn_dnn_op op;
    double epsilon, factor;
} run;

static run begin(const char *what, cudnnBackendDescriptorType_t kind, double epsilon, double factor)
{
    return (run){.legacy.what = what, .op.kind = kind, .epsilon = epsilon, .factor = factor};
}

/* ---- in the stream ------------------------------------------------------------------------ */

static void run_training(void *argument)
{
    const run *r = argument;
    const tn_dnn_legacy *l = &r->legacy;
    const tn_dnn_tensor number = {
        .type = CUDNN_DATA_FLOAT, .dims = 4, .dim = {1, 1, 1, 1}, .stride = {1, 1, 1, 1}};
    float epsilon = (float)r->epsilon, factor = (float)r->factor;
    const tn_dnn_view epsilon_view = {&number, &epsilon}, factor_view = {&number, &factor};
    tn_dnn_view view[TN_DNN_SLOTS];
    tn_dnn_views v = {NULL};
    tn_dnn_legacy_check_memory(l);
    for (int i = 0; i < TN_DNN_SLOTS; i++) {
        view[i] = (tn_dnn_view){&l->t[i], l->p[i]};
        v[i] = l->has[i] ? &view[i] : NULL;
    }
    v[TN_DNN_EPSILON] = &epsilon_view;
    v[TN_DNN_FACTOR] = &factor_view;
    tn_dnn_run_norm(&r->op, v);
}

static float *gather(const tn_dnn_legacy *l, tn_dnn_slot slot)
{
    return tn_dnn_gather(&(tn_dnn_view){&l->t[slot], l->p[slot]});
}

static void run_inference(void *argument)
{
    const run *r = argument;
    const tn_dnn_legacy *l = &r->legacy;
    tn_dnn_legacy_check_memory(l);
    float *x = gather(l, TN_DNN_X), *mean = gather(l, TN_DNN_MEAN_IN);
    float *var = gather(l, TN_DNN_VAR_IN), *scale = gather(l, TN_DNN_SCALE);
    float *bias = gather(l, TN_DNN_BIAS);
    const int64_t channels = l->t[TN_DNN_X].dim[1];
    for (int64_t i = 0; i < tn_dnn_count(&l->t[TN_DNN_X]); i++) {
        const int64_t c = i % channels;
        x[i] = (float)((double)scale[c] * ((double)x[i] - (double)mean[c]) /
                           sqrt((double)var[c] + r->epsilon) +
                       (double)bias[c]);
    }
    tn_dnn_scatter(&(tn_dnn_view){&l->t[TN_DNN_Y], l->p[TN_DNN_Y]}, x);
    free(x);
    free(mean);
    free(var);
    free(scale);
    free(bias);
}

/* ---- in the call -------------------------------------------------------------------------- */

typedef struct tensor {
    tn_dnn_slot slot;
    cudnnTensorDescriptor_t d;
    const void *p;
} tensor;

static cudnnStatus_t take_all(run *r, const tensor *t, int count)
{
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    for (int i = 0; i < count && !status; i++)
        status = tn_dnn_legacy_take(&r->legacy, t[i].slot, t[i].d, t[i].p);
    return status;
}

/* `image`: of x's shape; `channel`: one that has a number for each of x's channels. */
static cudnnStatus_t check(const run *r, cudnnBatchNormMode_t mode, tn_dnn_slot image,
                           tn_dnn_slot channel)
{
    const tn_dnn_legacy *l = &r->legacy;
    const tn_dnn_tensor *c = &l->t[channel];
    const int64_t per[] = {1, l->t[TN_DNN_X].dim[1], 1, 1};
    if (mode != CUDNN_BATCHNORM_SPATIAL && mode != CUDNN_BATCHNORM_SPATIAL_PERSISTENT)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: mode %d", l->what, (int)mode);
    if (!(r->epsilon >= CUDNN_BN_MIN_EPSILON))
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: epsilon %g", l->what, r->epsilon);
    if (c->type != CUDNN_DATA_FLOAT)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: numbers of channels that are not f32",
                           l->what);
    for (int i = 0; i < 4; i++)
        if (c->dim[i] != per[i])
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: not a number for each channel",
                               l->what);
    return tn_dnn_legacy_alike(l, TN_DNN_X, image);
}

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t per_channel, const void *scale, const void *bias,
    double factor, void *mean, void *var, double epsilon, void *saved_mean, void *saved_inv)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = begin(__func__, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, epsilon, factor);
    const tensor t[] = {
        {TN_DNN_X, x_desc, x},
        {TN_DNN_Y, y_desc, y},
        {TN_DNN_SCALE, per_channel, scale},
        {TN_DNN_BIAS, per_channel, bias},
        {TN_DNN_MEAN_IN, per_channel, mean},
        {TN_DNN_VAR_IN, per_channel, var},
        {TN_DNN_MEAN_OUT, per_channel, mean},
        {TN_DNN_VAR_OUT, per_channel, var},
        {TN_DNN_MEAN, per_channel, saved_mean},
        {TN_DNN_INV, per_channel, saved_inv},
    };
    cudnnStatus_t status = take_all(&r, t, (int)(sizeof t / sizeof t[0]));
    if (!status)
        status = check(&r, mode, TN_DNN_Y, TN_DNN_SCALE);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha, beta);
    if (!status)
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_Y, TN_DNN_X);
    return tn_dnn_legacy_run(&r.legacy, sizeof r, handle, status, run_training);
}

cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t per_channel, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = begin(__func__, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, epsilon, 0);
    const tensor t[] = {
        {TN_DNN_X, x_desc, x},
        {TN_DNN_Y, y_desc, y},
        {TN_DNN_SCALE, per_channel, scale},
        {TN_DNN_BIAS, per_channel, bias},
        {TN_DNN_MEAN_IN, per_channel, mean},
        {TN_DNN_VAR_IN, per_channel, var},
    };
    cudnnStatus_t status = take_all(&r, t, (int)(sizeof t / sizeof t[0]));
    if (!status)
        status = check(&r, mode, TN_DNN_Y, TN_DNN_SCALE);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha, beta);
    if (!status)
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_Y, TN_DNN_X);
    return tn_dnn_legacy_run(&r.legacy, sizeof r, handle, status, run_inference);
}

cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dx_desc, void *dx, const cudnnTensorDescriptor_t per_channel,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = begin(__func__, CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR, epsilon, 0);
    const tensor t[] = {
        {TN_DNN_X, x_desc, x},
        {TN_DNN_DY, dy_desc, dy},
        {TN_DNN_DX, dx_desc, dx},
        {TN_DNN_SCALE, per_channel, scale},
        {TN_DNN_DSCALE, per_channel, dscale},
        {TN_DNN_DBIAS, per_channel, dbias},
        {TN_DNN_MEAN, per_channel, saved_mean},
        {TN_DNN_INV, per_channel, saved_inv},
    };
    cudnnStatus_t status = take_all(&r, t, (int)(sizeof t / sizeof t[0]));
    if (!status)
        status = check(&r, mode, TN_DNN_DX, TN_DNN_SCALE);
    if (!status)
        status = tn_dnn_legacy_alike(&r.legacy, TN_DNN_X, TN_DNN_DY);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha, beta);
    if (!status)
        status = tn_dnn_legacy_unscaled(&r.legacy, alpha_param, beta_param);
    if (!status) {
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_DX, TN_DNN_X);
        tn_dnn_legacy_apart(&r.legacy, TN_DNN_DX, TN_DNN_DY);
    }
    return tn_dnn_legacy_run(&r.legacy, sizeof r, handle, status, run_training);
}
