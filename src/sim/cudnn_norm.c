/*
 * Simulated cuDNN: batch normalization, in training, and the sums that it begins with.
 *
 *     sum, squares of x and x^2 over N, H, W, a channel at a time
 *     mean, var    of x over N, H, W, a channel at a time; M numbers each
 *     y   = scale (x - mean) inv + bias,  inv = 1 / sqrt(var + epsilon)
 *     running      new = (1 - factor) old + factor current, the variance with M - 1
 *     dx  = scale inv (dy - dbias / M - xhat dscale / M),  dbias = sum dy, dscale = sum dy xhat
 *
 * Sums are of doubles. Source: Ioffe and Szegedy 2015; cuDNN's batchNormalizationForwardTraining().
 */
#include <math.h>
#include <stdlib.h>

#include "sim/cudnn_run.h"

static float *gather_if(const tn_dnn_view *v)
{
    return v ? tn_dnn_gather(v) : NULL;
}

static void scatter_if(const tn_dnn_view *v, const float *from)
{
    if (v)
        tn_dnn_scatter(v, from);
}

/* What forward computes of each channel, and what it takes. */
typedef struct channels {
    float *mean, *inv, *mean_out, *var_out; /* written */
    float *scale, *bias, *mean_in, *var_in;
    double epsilon, factor;
} channels;

static void forward(const channels *f, const float *x, float *y, int64_t m, int64_t c_count)
{
    for (int64_t c = 0; c < c_count; c++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < m; i++)
            mean += (double)x[i * c_count + c] / (double)m;
        for (int64_t i = 0; i < m; i++) {
            const double d = (double)x[i * c_count + c] - mean;
            var += d * d / (double)m;
        }
        const double inv = 1 / sqrt(var + f->epsilon);
        for (int64_t i = 0; i < m; i++)
            y[i * c_count + c] =
                (float)((double)f->scale[c] * ((double)x[i * c_count + c] - mean) * inv +
                        (double)f->bias[c]);
        f->mean[c] = (float)mean;
        f->inv[c] = (float)inv;
        const double old_mean = f->mean_in ? (double)f->mean_in[c] : 0;
        const double old_var = f->var_in ? (double)f->var_in[c] : 0;
        const double unbiased = m > 1 ? var * (double)m / (double)(m - 1) : var;
        f->mean_out[c] = (float)((1 - f->factor) * old_mean + f->factor * mean);
        f->var_out[c] = (float)((1 - f->factor) * old_var + f->factor * unbiased);
    }
}

static void run_forward(tn_dnn_views v)
{
    const int64_t all = tn_dnn_count(v[TN_DNN_X]->t), c = v[TN_DNN_X]->t->dim[1];
    float *x = tn_dnn_gather(v[TN_DNN_X]), *y = tn_sim_new((size_t)all, sizeof *y);
    float *written = tn_sim_new((size_t)c * 4, sizeof *written);
    const channels f = {.mean = written,
                        .inv = written + c,
                        .mean_out = written + 2 * c,
                        .var_out = written + 3 * c,
                        .scale = tn_dnn_gather(v[TN_DNN_SCALE]),
                        .bias = tn_dnn_gather(v[TN_DNN_BIAS]),
                        .mean_in = gather_if(v[TN_DNN_MEAN_IN]),
                        .var_in = gather_if(v[TN_DNN_VAR_IN]),
                        .epsilon = (double)tn_dnn_scalar(v[TN_DNN_EPSILON]),
                        .factor = v[TN_DNN_FACTOR] ? (double)tn_dnn_scalar(v[TN_DNN_FACTOR]) : 1};
    forward(&f, x, y, all / c, c);
    tn_dnn_scatter(v[TN_DNN_Y], y);
    scatter_if(v[TN_DNN_MEAN], f.mean);
    scatter_if(v[TN_DNN_INV], f.inv);
    scatter_if(v[TN_DNN_MEAN_OUT], f.mean_out);
    scatter_if(v[TN_DNN_VAR_OUT], f.var_out);
    free(f.scale);
    free(f.bias);
    free(f.mean_in);
    free(f.var_in);
    free(written);
    free(x);
    free(y);
}

static void run_backward(tn_dnn_views v)
{
    const int64_t all = tn_dnn_count(v[TN_DNN_X]->t), count = v[TN_DNN_X]->t->dim[1];
    const int64_t m = all / count;
    float *x = tn_dnn_gather(v[TN_DNN_X]), *dy = tn_dnn_gather(v[TN_DNN_DY]);
    float *mean = tn_dnn_gather(v[TN_DNN_MEAN]), *inv = tn_dnn_gather(v[TN_DNN_INV]);
    float *scale = tn_dnn_gather(v[TN_DNN_SCALE]);
    float *dx = tn_sim_new((size_t)all, sizeof *dx);
    float *sums = tn_sim_new((size_t)count * 2, sizeof *sums);
    for (int64_t c = 0; c < count; c++) {
        double dscale = 0, dbias = 0;
        for (int64_t i = 0; i < m; i++) {
            const double xhat = (double)(x[i * count + c] - mean[c]) * (double)inv[c];
            dbias += (double)dy[i * count + c];
            dscale += (double)dy[i * count + c] * xhat;
        }
        for (int64_t i = 0; i < m; i++) {
            const double xhat = (double)(x[i * count + c] - mean[c]) * (double)inv[c];
            dx[i * count + c] =
                (float)((double)scale[c] * (double)inv[c] *
                        ((double)dy[i * count + c] - (dbias + xhat * dscale) / (double)m));
        }
        sums[c] = (float)dscale;
        sums[count + c] = (float)dbias;
    }
    tn_dnn_scatter(v[TN_DNN_DX], dx);
    tn_dnn_scatter(v[TN_DNN_DSCALE], sums);
    tn_dnn_scatter(v[TN_DNN_DBIAS], sums + count);
    free(x);
    free(dy);
    free(mean);
    free(inv);
    free(scale);
    free(dx);
    free(sums);
}

static void run_sums(tn_dnn_views v)
{
    const int64_t all = tn_dnn_count(v[TN_DNN_X]->t), count = v[TN_DNN_X]->t->dim[1];
    float *x = tn_dnn_gather(v[TN_DNN_X]), *sums = tn_sim_new((size_t)count * 2, sizeof *sums);
    for (int64_t c = 0; c < count; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = c; i < all; i += count) {
            sum += (double)x[i];
            squares += (double)x[i] * (double)x[i];
        }
        sums[c] = (float)sum;
        sums[count + c] = (float)squares;
    }
    tn_dnn_scatter(v[TN_DNN_SUM], sums);
    tn_dnn_scatter(v[TN_DNN_SQUARES], sums + count);
    free(x);
    free(sums);
}

void tn_dnn_run_norm(const tn_dnn_op *op, tn_dnn_views v)
{
    if (op->kind == CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR) {
        run_sums(v);
        return;
    }
    if (op->kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR)
        run_forward(v);
    else
        run_backward(v);
}
