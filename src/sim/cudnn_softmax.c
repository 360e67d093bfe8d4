/*
 * Simulated cuDNN: softmax and local response normalization, which have no graph.
 *
 *     softmax  over c, or over c, h and w:  y = exp(x) / sum exp(x)        dx = y (dy - sum dy y)
 *              of logarithms:               y = x - log sum exp(x)         dx = dy - exp(y) sum dy
 *     lrn      over n channels around c, (n - 1) / 2 of them before it:
 *              s = k + alpha / n sum x^2,   y = x s^-beta
 *              dx = dy s^-beta - 2 alpha beta / n x sum dy y / s, over those whose windows c is in
 *
 * All return alpha times that plus beta times what was there. Sums are doubles.
 */
#include <math.h>
#include <stdlib.h>

#include "sim/cudnn_legacy.h"

#define LRN "cuDNN LRN descriptor"

struct cudnnLRNStruct {
    bool set;
    int64_t n;
    double alpha, beta, k;
};

/* ---- descriptors -------------------------------------------------------------------------- */

cudnnStatus_t cudnnCreateLRNDescriptor(cudnnLRNDescriptor_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_no_object();
    if (!out)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "normDesc == NULL");
    *out = tn_sim_new(1, sizeof **out);
    tn_sim_born(LRN, *out);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetLRNDescriptor(cudnnLRNDescriptor_t d, unsigned n, double alpha, double beta,
                                    double k)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    tn_sim_check_alive(LRN, d);
    if (n < CUDNN_LRN_MIN_N || n > CUDNN_LRN_MAX_N || k < CUDNN_LRN_MIN_K ||
        beta < CUDNN_LRN_MIN_BETA)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "LRN over %u channels, k %g, beta %g", n, k,
                           beta);
    *d = (struct cudnnLRNStruct){.set = true, .n = n, .alpha = alpha, .beta = beta, .k = k};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyLRNDescriptor(cudnnLRNDescriptor_t d)
{
    const bool fails = tn_sim_enter(__func__, 0);
    if (d)
        tn_sim_died(LRN, d);
    return fails ? tn_dnn_made_to_fail() : CUDNN_STATUS_SUCCESS;
}

/* ---- in the stream ------------------------------------------------------------------------ */

typedef struct run run;
/* One group, of n numbers of each tensor. */
typedef void compute(const run *r, const float *x, const float *y, const float *dy, float *out,
                     int64_t n);
struct run {
    tn_dnn_legacy legacy; /* first */
    tn_dnn_slot out;      /* which tensor is written */
    compute *group;
    bool log, fast, pixels; /* of softmax; pixels: a group is a pixel's channels, not an image */
    struct cudnnLRNStruct lrn;
    float alpha, beta;
};

static void softmax_forward(const run *r, const float *x, const float *y, const float *dy,
                            float *out, int64_t n)
{
    (void)y;
    (void)dy;
    double most = r->fast ? 0 : -(double)INFINITY, sum = 0;
    for (int64_t i = 0; i < n && !r->fast; i++)
        most = fmax(most, (double)x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)x[i] - most;
        out[i] = (float)(r->log ? a - log(sum) : exp(a) / sum);
    }
}

static void softmax_backward(const run *r, const float *x, const float *y, const float *dy,
                             float *out, int64_t n)
{
    (void)x;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i] * (r->log ? 1 : (double)y[i]);
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)y[i], d = (double)dy[i];
        out[i] = (float)(r->log ? d - exp(a) * sum : a * (d - sum));
    }
}

static double lrn_sum(const run *r, const float *x, int64_t c, int64_t n)
{
    const int64_t before = (r->lrn.n - 1) / 2, after = r->lrn.n - 1 - before;
    double sum = 0;
    for (int64_t i = c - before; i <= c + after; i++)
        sum += i < 0 || i >= n ? 0 : (double)x[i] * (double)x[i];
    return r->lrn.k + r->lrn.alpha / (double)r->lrn.n * sum;
}

static void lrn_forward(const run *r, const float *x, const float *y, const float *dy, float *out,
                        int64_t n)
{
    (void)y;
    (void)dy;
    for (int64_t c = 0; c < n; c++)
        out[c] = (float)((double)x[c] * pow(lrn_sum(r, x, c, n), -r->lrn.beta));
}

static void lrn_backward(const run *r, const float *x, const float *y, const float *dy, float *out,
                         int64_t n)
{
    const int64_t before = (r->lrn.n - 1) / 2, after = r->lrn.n - 1 - before;
    for (int64_t c = 0; c < n; c++) {
        double sum = 0;
        for (int64_t i = c - after; i <= c + before; i++)
            sum += i < 0 || i >= n ? 0 : (double)dy[i] * (double)y[i] / lrn_sum(r, x, i, n);
        out[c] = (float)((double)dy[c] * pow(lrn_sum(r, x, c, n), -r->lrn.beta) -
                         2 * r->lrn.alpha * r->lrn.beta / (double)r->lrn.n * (double)x[c] * sum);
    }
}

static const float *at(const float *x, int64_t i)
{
    return x ? x + i : NULL;
}

static void run_groups(void *argument)
{
    const run *r = argument;
    const tn_dnn_legacy *l = &r->legacy;
    float *x[TN_DNN_SLOTS] = {NULL}, *old = NULL;
    tn_dnn_legacy_check_memory(l);
    for (int i = 0; i < TN_DNN_SLOTS; i++) {
        const tn_dnn_view v = {&l->t[i], l->p[i]};
        if (l->has[i] && (i != (int)r->out || r->beta != 0))
            x[i] = tn_dnn_gather(&v);
    }
    old = x[r->out];
    x[r->out] = NULL;
    const tn_dnn_view v = {&l->t[r->out], l->p[r->out]};
    const int64_t all = tn_dnn_count(v.t), c = v.t->dim[1];
    const int64_t n = r->pixels ? c : all / v.t->dim[0];
    float *out = tn_sim_new((size_t)all, sizeof *out);
    for (int64_t i = 0; i < all; i += n)
        r->group(r, at(x[TN_DNN_X], i), at(x[TN_DNN_Y], i), at(x[TN_DNN_DY], i), out + i, n);
    for (int64_t i = 0; i < all; i++)
        out[i] = r->alpha * out[i] + (old ? r->beta * old[i] : 0);
    tn_dnn_scatter(&v, out);
    for (int i = 0; i < TN_DNN_SLOTS; i++)
        free(x[i]);
    free(old);
    free(out);
}

/* ---- in the call -------------------------------------------------------------------------- */

/* All tensors are like the first that was taken, x or y. */
static cudnnStatus_t take(run *r, tn_dnn_slot slot, cudnnTensorDescriptor_t d, const void *p)
{
    const cudnnStatus_t status = tn_dnn_legacy_take(&r->legacy, slot, d, p);
    return status ? status
                  : tn_dnn_legacy_alike(&r->legacy, r->legacy.has[TN_DNN_X] ? TN_DNN_X : TN_DNN_Y,
                                        slot);
}

/* Enqueues what was filled in, unless something was wrong with it. */
static cudnnStatus_t finish(run *r, cudnnHandle_t handle, cudnnStatus_t status, const void *alpha,
                            const void *beta)
{
    if (!status && (!alpha || !beta))
        status = tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: alpha or beta is NULL", r->legacy.what);
    if (!status) {
        r->alpha = *(const float *)alpha;
        r->beta = *(const float *)beta;
    }
    return tn_dnn_legacy_run(&r->legacy, sizeof *r, handle, status, run_groups);
}

static run softmax_run(const char *what, tn_dnn_slot out, compute *group,
                       cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode)
{
    return (run){.legacy.what = what,
                 .out = out,
                 .group = group,
                 .log = algorithm == CUDNN_SOFTMAX_LOG,
                 .fast = algorithm == CUDNN_SOFTMAX_FAST,
                 .pixels = mode == CUDNN_SOFTMAX_MODE_CHANNEL};
}

cudnnStatus_t cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                  cudnnSoftmaxMode_t mode, const void *alpha,
                                  const cudnnTensorDescriptor_t x_desc, const void *x,
                                  const void *beta, const cudnnTensorDescriptor_t y_desc, void *y)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = softmax_run(__func__, TN_DNN_Y, softmax_forward, algorithm, mode);
    cudnnStatus_t status = take(&r, TN_DNN_X, x_desc, x);
    if (!status)
        status = take(&r, TN_DNN_Y, y_desc, y);
    return finish(&r, handle, status, alpha, beta);
}

cudnnStatus_t cudnnSoftmaxBackward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                   cudnnSoftmaxMode_t mode, const void *alpha,
                                   const cudnnTensorDescriptor_t y_desc, const void *y,
                                   const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                   const void *beta, const cudnnTensorDescriptor_t dx_desc,
                                   void *dx)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = softmax_run(__func__, TN_DNN_DX, softmax_backward, algorithm, mode);
    cudnnStatus_t status = take(&r, TN_DNN_Y, y_desc, y);
    if (!status)
        status = take(&r, TN_DNN_DY, dy_desc, dy);
    if (!status)
        status = take(&r, TN_DNN_DX, dx_desc, dx);
    return finish(&r, handle, status, alpha, beta);
}

static cudnnStatus_t take_lrn(run *r, cudnnLRNDescriptor_t d, cudnnLRNMode_t mode)
{
    tn_sim_check_alive(LRN, d);
    r->lrn = *d;
    return d->set && mode == CUDNN_LRN_CROSS_CHANNEL_DIM1
               ? CUDNN_STATUS_SUCCESS
               : tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: descriptor not set, or mode %d",
                             r->legacy.what, (int)mode);
}

cudnnStatus_t cudnnLRNCrossChannelForward(cudnnHandle_t handle, cudnnLRNDescriptor_t lrn,
                                          cudnnLRNMode_t mode, const void *alpha,
                                          const cudnnTensorDescriptor_t x_desc, const void *x,
                                          const void *beta, const cudnnTensorDescriptor_t y_desc,
                                          void *y)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = {.legacy.what = __func__, .out = TN_DNN_Y, .group = lrn_forward, .pixels = true};
    cudnnStatus_t status = take_lrn(&r, lrn, mode);
    if (!status)
        status = take(&r, TN_DNN_X, x_desc, x);
    if (!status)
        status = take(&r, TN_DNN_Y, y_desc, y);
    return finish(&r, handle, status, alpha, beta);
}

cudnnStatus_t cudnnLRNCrossChannelBackward(cudnnHandle_t handle, cudnnLRNDescriptor_t lrn,
                                           cudnnLRNMode_t mode, const void *alpha,
                                           const cudnnTensorDescriptor_t y_desc, const void *y,
                                           const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                           const cudnnTensorDescriptor_t x_desc, const void *x,
                                           const void *beta, const cudnnTensorDescriptor_t dx_desc,
                                           void *dx)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_made_to_fail();
    run r = {.legacy.what = __func__, .out = TN_DNN_DX, .group = lrn_backward, .pixels = true};
    cudnnStatus_t status = take_lrn(&r, lrn, mode);
    if (!status)
        status = take(&r, TN_DNN_X, x_desc, x);
    if (!status)
        status = take(&r, TN_DNN_Y, y_desc, y);
    if (!status)
        status = take(&r, TN_DNN_DY, dy_desc, dy);
    if (!status)
        status = take(&r, TN_DNN_DX, dx_desc, dx);
    return finish(&r, handle, status, alpha, beta);
}
