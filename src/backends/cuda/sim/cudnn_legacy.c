/*
 * Simulated cuDNN: what has no graph. Softmax and local response normalization.
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
#include <string.h>

#include "backends/cuda/sim/cudnn_run.h"

#define TENSOR "cuDNN tensor descriptor"
#define LRN "cuDNN LRN descriptor"

struct cudnnTensorStruct {
    tn_dnn_tensor t; /* dims: 0 until it is set */
};

struct cudnnLRNStruct {
    bool set;
    int64_t n;
    double alpha, beta, k;
};

/* ---- descriptors -------------------------------------------------------------------------- */

static cudnnStatus_t made_to_fail(void)
{
    return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "made to fail");
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
    return fails ? made_to_fail() : CUDNN_STATUS_SUCCESS;
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
        return made_to_fail();
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
        return made_to_fail();
    return set_tensor(d, type, dim, stride);
}

cudnnStatus_t cudnnCreateLRNDescriptor(cudnnLRNDescriptor_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "made to fail");
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
        return made_to_fail();
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
    return fails ? made_to_fail() : CUDNN_STATUS_SUCCESS;
}

/* ---- in the stream ------------------------------------------------------------------------ */

enum { X, Y, DY, DX, TENSORS };

typedef struct run run;
/* One group, of n numbers of each tensor. */
typedef void compute(const run *r, const float *x, const float *y, const float *dy, float *out,
                     int64_t n);
struct run {
    const char *what;
    int device, out; /* which tensor is written */
    compute *group;
    bool log, fast, pixels; /* of softmax; pixels: a group is a pixel's channels, not an image */
    struct cudnnLRNStruct lrn;
    float alpha, beta;
    bool has[TENSORS];
    tn_dnn_tensor t[TENSORS];
    void *p[TENSORS];
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

static void check_memory(const run *r)
{
    for (int i = 0; i < TENSORS; i++) {
        const size_t size = r->has[i] ? tn_sim_bytes_of(r->t[i].type) : 0;
        if (r->has[i])
            tn_sim_check_memory(r->device, r->what, r->p[i], (size_t)tn_dnn_span(&r->t[i]) * size);
    }
}

static const float *at(const float *x, int64_t i)
{
    return x ? x + i : NULL;
}

static void run_groups(void *argument)
{
    const run *r = argument;
    float *x[TENSORS] = {NULL}, *old = NULL;
    check_memory(r);
    for (int i = 0; i < TENSORS; i++) {
        const tn_dnn_view v = {&r->t[i], r->p[i]};
        if (r->has[i] && (i != r->out || r->beta != 0))
            x[i] = tn_dnn_gather(&v);
    }
    old = x[r->out];
    x[r->out] = NULL;
    const tn_dnn_view v = {&r->t[r->out], r->p[r->out]};
    const int64_t all = tn_dnn_count(v.t), c = v.t->dim[1];
    const int64_t n = r->pixels ? c : all / v.t->dim[0];
    float *out = tn_sim_new((size_t)all, sizeof *out);
    for (int64_t i = 0; i < all; i += n)
        r->group(r, at(x[X], i), at(x[Y], i), at(x[DY], i), out + i, n);
    for (int64_t i = 0; i < all; i++)
        out[i] = r->alpha * out[i] + (old ? r->beta * old[i] : 0);
    tn_dnn_scatter(&v, out);
    for (int i = 0; i < TENSORS; i++)
        free(x[i]);
    free(old);
    free(out);
}

/* ---- in the call -------------------------------------------------------------------------- */

static cudnnStatus_t take(run *r, int i, cudnnTensorDescriptor_t d, const void *p)
{
    tn_sim_check_alive(TENSOR, d);
    if (!p || !d->t.dims)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: a tensor %s", r->what,
                           p ? "whose descriptor was not set" : "at NULL");
    r->has[i] = true;
    r->t[i] = d->t;
    memcpy(&r->p[i], &p, sizeof p);
    const tn_dnn_tensor *first = &r->t[r->has[X] ? X : Y];
    if (first->type != d->t.type || memcmp(first->dim, d->t.dim, sizeof d->t.dim) != 0)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: tensors of different types or shapes",
                           r->what);
    if ((uintptr_t)p % tn_sim_bytes_of(d->t.type))
        tn_sim_break("alignment", "%s: a tensor is at %p", r->what, p);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t start(run *r, struct cudnnContext *h, const void *alpha, const void *beta)
{
    if (!alpha || !beta)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: alpha or beta is NULL", r->what);
    r->device = h->device;
    r->alpha = *(const float *)alpha;
    r->beta = *(const float *)beta;
    if (r->t[r->out].type == CUDNN_DATA_BFLOAT16 && tn_dnn_ask_device(h->device).version < 800)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: bf16 before sm_80", r->what);
    if (tn_dnn_refuses_all())
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: made to refuse", r->what);
    check_memory(r);
    const cudaError_t e = tn_sim_enqueue(h->stream, r->what, run_groups, r, sizeof *r);
    return e ? tn_dnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "%s: CUDA error %d", r->what,
                           (int)e)
             : CUDNN_STATUS_SUCCESS;
}

/* Enqueues what was filled in, unless something was wrong with it. */
static cudnnStatus_t finish(run *r, cudnnHandle_t handle, cudnnStatus_t status, const void *alpha,
                            const void *beta)
{
    struct cudnnContext *h = tn_dnn_handle_begin(r->what, handle);
    if (!h)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: handle == NULL", r->what);
    if (!status)
        status = start(r, h, alpha, beta);
    tn_dnn_handle_end(h);
    return status;
}

static run softmax_run(const char *what, int out, compute *group, cudnnSoftmaxAlgorithm_t algorithm,
                       cudnnSoftmaxMode_t mode)
{
    return (run){.what = what,
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
        return made_to_fail();
    run r = softmax_run(__func__, Y, softmax_forward, algorithm, mode);
    cudnnStatus_t status = take(&r, X, x_desc, x);
    if (!status)
        status = take(&r, Y, y_desc, y);
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
        return made_to_fail();
    run r = softmax_run(__func__, DX, softmax_backward, algorithm, mode);
    cudnnStatus_t status = take(&r, Y, y_desc, y);
    if (!status)
        status = take(&r, DY, dy_desc, dy);
    if (!status)
        status = take(&r, DX, dx_desc, dx);
    return finish(&r, handle, status, alpha, beta);
}

static cudnnStatus_t take_lrn(run *r, cudnnLRNDescriptor_t d, cudnnLRNMode_t mode)
{
    tn_sim_check_alive(LRN, d);
    r->lrn = *d;
    return d->set && mode == CUDNN_LRN_CROSS_CHANNEL_DIM1
               ? CUDNN_STATUS_SUCCESS
               : tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: descriptor not set, or mode %d", r->what,
                             (int)mode);
}

cudnnStatus_t cudnnLRNCrossChannelForward(cudnnHandle_t handle, cudnnLRNDescriptor_t lrn,
                                          cudnnLRNMode_t mode, const void *alpha,
                                          const cudnnTensorDescriptor_t x_desc, const void *x,
                                          const void *beta, const cudnnTensorDescriptor_t y_desc,
                                          void *y)
{
    if (tn_sim_enter(__func__, 0))
        return made_to_fail();
    run r = {.what = __func__, .out = Y, .group = lrn_forward, .pixels = true};
    cudnnStatus_t status = take_lrn(&r, lrn, mode);
    if (!status)
        status = take(&r, X, x_desc, x);
    if (!status)
        status = take(&r, Y, y_desc, y);
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
        return made_to_fail();
    run r = {.what = __func__, .out = DX, .group = lrn_backward, .pixels = true};
    cudnnStatus_t status = take_lrn(&r, lrn, mode);
    if (!status)
        status = take(&r, X, x_desc, x);
    if (!status)
        status = take(&r, Y, y_desc, y);
    if (!status)
        status = take(&r, DY, dy_desc, dy);
    if (!status)
        status = take(&r, DX, dx_desc, dx);
    return finish(&r, handle, status, alpha, beta);
}
