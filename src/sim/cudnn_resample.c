/*
 * Simulated cuDNN: pooling, forward and backward.
 *
 *     x [N,C,H,W]  y [N,C,P,Q]; the index says which element of its window was largest, by rows
 *     average: of the elements inside, or of the window as if padded with zeros
 *
 * Backward of a maximum follows the index, or looks again for where y is in x. Sums are of doubles.
 */
#include <math.h>
#include <stdlib.h>

#include "sim/cudnn_run.h"

typedef struct pool {
    int64_t n, c, h, w, p, q;
    int64_t window[2], pre[2], stride[2];
    bool max, inside;
} pool;

static pool pool_of(const tn_dnn_op *op, const tn_dnn_tensor *x, const tn_dnn_tensor *y)
{
    const int64_t mode = op->number[TN_DNN_MODE];
    pool f = {.n = x->dim[0],
              .c = x->dim[1],
              .h = x->dim[2],
              .w = x->dim[3],
              .p = y->dim[2],
              .q = y->dim[3],
              .max = mode == CUDNN_RESAMPLE_MAXPOOL,
              .inside = mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING};
    for (int i = 0; i < 2; i++) {
        f.window[i] = op->number[TN_DNN_WINDOW + i];
        f.pre[i] = op->number[TN_DNN_PRE + i];
        f.stride[i] = op->number[TN_DNN_STRIDE + i];
    }
    return f;
}

/* Element i of window (p, q) in an image; -1 if it is padding. */
static int64_t place_in(const pool *f, int64_t p, int64_t q, int64_t i)
{
    const int64_t h = p * f->stride[0] - f->pre[0] + i / f->window[1];
    const int64_t w = q * f->stride[1] - f->pre[1] + i % f->window[1];
    return h < 0 || w < 0 || h >= f->h || w >= f->w ? -1 : (h * f->w + w) * f->c;
}

static double divisor(const pool *f, int64_t p, int64_t q)
{
    int64_t n = 0;
    for (int64_t i = 0; i < f->window[0] * f->window[1]; i++)
        n += !f->inside || place_in(f, p, q, i) >= 0;
    return n ? (double)n : 1;
}

/* Which element is largest: the first of several, or one that is no number. -1 if all is padding. */
static int64_t largest(const pool *f, const float *x, int64_t p, int64_t q, int64_t c)
{
    int64_t best = -1, at = -1;
    for (int64_t i = 0; i < f->window[0] * f->window[1]; i++) {
        const int64_t here = place_in(f, p, q, i);
        if (here < 0)
            continue;
        if (best < 0 || x[here + c] > x[at + c] || (isnan(x[here + c]) && !isnan(x[at + c]))) {
            best = i;
            at = here;
        }
    }
    return best;
}

static void forward(const pool *f, const float *x, float *y, float *index)
{
    const int64_t all = f->window[0] * f->window[1];
    for (int64_t i = 0; i < f->n * f->p * f->q * f->c; i++) {
        const int64_t c = i % f->c, q = i / f->c % f->q, p = i / f->c / f->q % f->p;
        const float *image = x + i / f->c / f->q / f->p * f->h * f->w * f->c;
        if (f->max) {
            const int64_t best = largest(f, image, p, q, c);
            y[i] = best < 0 ? -INFINITY : image[place_in(f, p, q, best) + c];
            index[i] = (float)best;
            continue;
        }
        double sum = 0;
        for (int64_t j = 0; j < all; j++) {
            const int64_t at = place_in(f, p, q, j);
            sum += at < 0 ? 0 : (double)image[at + c];
        }
        y[i] = (float)(sum / divisor(f, p, q));
    }
}

static void backward(const pool *f, const float *dy, const float *x, const float *index, double *dx)
{
    const int64_t all = f->window[0] * f->window[1];
    for (int64_t i = 0; i < f->n * f->p * f->q * f->c; i++) {
        const int64_t c = i % f->c, q = i / f->c % f->q, p = i / f->c / f->q % f->p;
        const int64_t image = i / f->c / f->q / f->p * f->h * f->w * f->c;
        if (f->max) {
            const int64_t best = index ? (int64_t)index[i] : largest(f, x + image, p, q, c);
            const int64_t at = best < 0 || best >= all ? -1 : place_in(f, p, q, best);
            if (at < 0)
                tn_sim_break("index", "a pooling's index is %lld, which is outside its window",
                             (long long)best);
            dx[image + at + c] += (double)dy[i];
            continue;
        }
        for (int64_t j = 0; j < all; j++) {
            const int64_t at = place_in(f, p, q, j);
            if (at >= 0)
                dx[image + at + c] += (double)dy[i] / divisor(f, p, q);
        }
    }
}

static void run_forward(const tn_dnn_op *op, tn_dnn_views v)
{
    const pool f = pool_of(op, v[TN_DNN_X]->t, v[TN_DNN_Y]->t);
    const size_t bytes = (size_t)tn_dnn_count(v[TN_DNN_Y]->t) * sizeof(float);
    float *x = tn_dnn_gather(v[TN_DNN_X]), *y = tn_sim_new(1, bytes), *index = tn_sim_new(1, bytes);
    forward(&f, x, y, index);
    tn_dnn_scatter(v[TN_DNN_Y], y);
    if (v[TN_DNN_INDEX])
        tn_dnn_scatter(v[TN_DNN_INDEX], index);
    free(x);
    free(y);
    free(index);
}

static void run_backward(const tn_dnn_op *op, tn_dnn_views v)
{
    const pool f = pool_of(op, v[TN_DNN_DX]->t, v[TN_DNN_DY]->t);
    const int64_t n = tn_dnn_count(v[TN_DNN_DX]->t);
    float *dy = tn_dnn_gather(v[TN_DNN_DY]);
    float *index = v[TN_DNN_INDEX] ? tn_dnn_gather(v[TN_DNN_INDEX]) : NULL;
    float *x = v[TN_DNN_X] ? tn_dnn_gather(v[TN_DNN_X]) : NULL;
    float *dx = tn_sim_new((size_t)n, sizeof *dx);
    double *sum = tn_sim_new((size_t)n, sizeof *sum);
    backward(&f, dy, x, index, sum);
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)sum[i];
    tn_dnn_scatter(v[TN_DNN_DX], dx);
    free(dy);
    free(index);
    free(x);
    free(dx);
    free(sum);
}

void tn_dnn_run_resample(const tn_dnn_op *op, tn_dnn_views v)
{
    if (op->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR)
        run_forward(op, v);
    else
        run_backward(op, v);
}
