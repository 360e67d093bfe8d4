/*
 * Simulated cuDNN: tensors as floats, pointwise operations, reductions.
 *
 *     forward   y = f(alpha1 x, alpha2 b)      backward   dx = dy f'(x)
 *
 * An input's dimension of 1 is repeated. Arithmetic is in floats; sums of reductions in doubles.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_run.h"

/* ---- tensors ------------------------------------------------------------------------------ */

int64_t tn_dnn_count(const tn_dnn_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->dims; i++)
        n *= t->dim[i];
    return n;
}

float tn_dnn_scalar(const tn_dnn_view *v)
{
    float x;
    tn_sim_load(v->t->type, v->p, 0, 1, 1, &x);
    return x;
}

float *tn_dnn_gather(const tn_dnn_view *v)
{
    const int64_t *d = v->t->dim, *s = v->t->stride;
    float *all = tn_sim_new((size_t)tn_dnn_count(v->t), sizeof *all), *to = all;
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t h = 0; h < d[2]; h++)
            for (int64_t w = 0; w < d[3]; w++, to += d[1])
                tn_sim_load(v->t->type, v->p, n * s[0] + h * s[2] + w * s[3], s[1], d[1], to);
    return all;
}

void tn_dnn_scatter(const tn_dnn_view *v, const float *from)
{
    const int64_t *d = v->t->dim, *s = v->t->stride;
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t h = 0; h < d[2]; h++)
            for (int64_t w = 0; w < d[3]; w++, from += d[1])
                tn_sim_store(v->t->type, v->p, n * s[0] + h * s[2] + w * s[3], s[1], d[1], from);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The dimension that inner loops run over: channels of images. */
static int inner_of(const tn_dnn_tensor *t)
{
    return t->dims == 4 ? 1 : t->dims - 1;
}

/* Goes to the next row; false after the last. */
static bool next_row(const tn_dnn_tensor *t, int64_t *at)
{
    for (int i = t->dims; i-- > 0;) {
        if (i == inner_of(t))
            continue;
        if (++at[i] < t->dim[i])
            return true;
        at[i] = 0;
    }
    return false;
}

static int64_t offset_of(const tn_dnn_tensor *t, const int64_t *at)
{
    int64_t o = 0;
    for (int i = 0; i < t->dims; i++)
        o += t->dim[i] == 1 ? 0 : at[i] * t->stride[i];
    return o;
}

/* n elements of a row, repeated if there is but one. */
static void load_row(const tn_dnn_view *v, const int64_t *at, int64_t n, float *to)
{
    const int inner = inner_of(v->t);
    const int64_t step = v->t->dim[inner] == 1 ? 0 : v->t->stride[inner];
    tn_sim_load(v->t->type, v->p, offset_of(v->t, at), step, n, to);
}

/* ---- pointwise ---------------------------------------------------------------------------- */

typedef struct relu {
    float low, high, slope;
    bool keeps_nan;
} relu;

/* A NaN that nobody asked for is as lost as fmaxf() loses it. */
static float relu_forward(float x, relu r)
{
    const float y = x > r.low ? x : r.low + r.slope * (x - r.low);
    if (x != x)
        return r.keeps_nan ? x : r.low;
    return fminf(y, r.high);
}

/* One number; `b` is dy of what goes backward. */
static float apply(int64_t mode, float x, float b, relu r)
{
    switch (mode) {
    case CUDNN_POINTWISE_ADD:
        return x + b;
    case CUDNN_POINTWISE_SUB:
        return x - b;
    case CUDNN_POINTWISE_MUL:
        return x * b;
    case CUDNN_POINTWISE_DIV:
        return x / b;
    case CUDNN_POINTWISE_MAX:
        return fmaxf(x, b);
    case CUDNN_POINTWISE_MIN:
        return fminf(x, b);
    case CUDNN_POINTWISE_ADD_SQUARE:
        return x + b * b;
    case CUDNN_POINTWISE_SQRT:
        return sqrtf(x);
    case CUDNN_POINTWISE_RSQRT:
        return 1 / sqrtf(x);
    case CUDNN_POINTWISE_EXP:
        return expf(x);
    case CUDNN_POINTWISE_LOG:
        return logf(x);
    case CUDNN_POINTWISE_ABS:
        return fabsf(x);
    case CUDNN_POINTWISE_NEG:
        return -x;
    case CUDNN_POINTWISE_IDENTITY:
        return x;
    case CUDNN_POINTWISE_RELU_FWD:
        return relu_forward(x, r);
    case CUDNN_POINTWISE_TANH_FWD:
        return tanhf(x);
    case CUDNN_POINTWISE_SIGMOID_FWD:
        return 1 / (1 + expf(-x));
    case CUDNN_POINTWISE_RELU_BWD:
        return x > r.low && x <= r.high ? b : r.slope * b;
    case CUDNN_POINTWISE_TANH_BWD:
        return b * (1 - tanhf(x) * tanhf(x));
    case CUDNN_POINTWISE_SIGMOID_BWD: {
        const float s = 1 / (1 + expf(-x));
        return b * s * (1 - s);
    }
    default:
        return NAN;
    }
}

bool tn_dnn_knows_pointwise(int64_t mode)
{
    return !isnan(apply(mode, 0.5f, 0.5f, (relu){0, 1, 0, false}));
}

void tn_dnn_run_pointwise(const tn_dnn_op *op, tn_dnn_views v)
{
    const int64_t mode = op->number[TN_DNN_MODE];
    const bool backward = mode >= 200 && mode < 300;
    const tn_dnn_view *x = v[TN_DNN_X], *b = v[backward ? TN_DNN_DY : TN_DNN_B];
    const tn_dnn_view *y = v[backward ? TN_DNN_DX : TN_DNN_Y];
    const int inner = inner_of(y->t);
    const int64_t n = y->t->dim[inner];
    const float alpha = (float)op->real[TN_DNN_ALPHA], beta = (float)op->real[TN_DNN_BETA];
    const relu r = {
        (float)op->real[TN_DNN_LOWER_CLIP],
        op->real[TN_DNN_UPPER_CLIP] > (double)FLT_MAX ? INFINITY
                                                      : (float)op->real[TN_DNN_UPPER_CLIP],
        (float)op->real[TN_DNN_LOWER_SLOPE], op->number[TN_DNN_NAN] == CUDNN_PROPAGATE_NAN};
    float *row = tn_sim_new((size_t)n * 2, sizeof *row), *second = row + n;
    int64_t at[CUDNN_DIM_MAX] = {0};
    do {
        load_row(x, at, n, row);
        if (b)
            load_row(b, at, n, second);
        for (int64_t i = 0; i < n; i++)
            row[i] = backward ? apply(mode, row[i], second[i], r)
                              : apply(mode, alpha * row[i], beta * second[i], r);
        tn_sim_store(y->t->type, y->p, offset_of(y->t, at), y->t->stride[inner], n, row);
    } while (next_row(y->t, at));
    free(row);
}

/* ---- reductions --------------------------------------------------------------------------- */

void tn_dnn_run_reduction(const tn_dnn_op *op, tn_dnn_views v)
{
    const int64_t mode = op->number[TN_DNN_MODE];
    const tn_dnn_view *x = v[TN_DNN_X], *y = v[TN_DNN_Y];
    const int inner = inner_of(x->t);
    const int64_t n = x->t->dim[inner], span = tn_dnn_span(y->t);
    const double part = (double)tn_dnn_count(y->t) / (double)tn_dnn_count(x->t);
    const int64_t step = y->t->dim[inner] == 1 ? 0 : y->t->stride[inner];
    double *sum = tn_sim_new((size_t)span, sizeof *sum);
    float *row = tn_sim_new((size_t)n, sizeof *row);
    for (int64_t i = 0; i < span; i++)
        sum[i] = mode == CUDNN_REDUCE_TENSOR_MAX ? -(double)INFINITY : 0;
    int64_t at[CUDNN_DIM_MAX] = {0};
    do {
        load_row(x, at, n, row);
        double *to = sum + offset_of(y->t, at);
        for (int64_t i = 0; i < n; i++) {
            const double a = (double)row[i];
            if (mode == CUDNN_REDUCE_TENSOR_MAX)
                to[i * step] = fmax(to[i * step], a);
            else if (mode == CUDNN_REDUCE_TENSOR_AMAX)
                to[i * step] = fmax(to[i * step], fabs(a));
            else
                to[i * step] += mode == CUDNN_REDUCE_TENSOR_AVG ? a * part : a;
        }
    } while (next_row(x->t, at));
    memset(at, 0, sizeof at);
    const int64_t outs = y->t->dim[inner];
    do { /* the output has as many rows as it has */
        const int64_t first = offset_of(y->t, at);
        for (int64_t i = 0; i < outs; i++) {
            const float s = (float)sum[first + i * step];
            tn_sim_store(y->t->type, y->p, first + i * step, 1, 1, &s);
        }
    } while (next_row(y->t, at));
    free(row);
    free(sum);
}
