/*
 * Simulated cuDNN: convolutions.
 *
 *     y  = alpha sum over c, r, s of x[n, c, p stride - pre + r dilation, ..] w[k, c, r, s]  + beta y
 *     dx = alpha sum over k, r, s of dy w  + beta dx      dw = alpha sum over n, p, q of dy x  + beta dw
 *
 * Images are [N,H,W,C], weights [K,R,S,C] or, where loops run over k, [R,S,C,K]; groups g have C/G and
 * K/G channels. Products are summed in floats over the channels of one pixel, or the pixels of one image,
 * and those sums in doubles.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sim/cudnn_run.h"

/* Nets run through these loops in tests, in builds for debugging too. */
#ifndef __clang__
#pragma GCC optimize("O3")
#endif

typedef struct shape {
    int64_t n, c, h, w, k, p, q, r, s, groups, cg, kg;
    int64_t pre[2], stride[2], dilation[2];
    float *x, *weights, *y;
    bool reduced;
    cudnnDataType_t sums; /* if reduced */
} shape;

/* Integers are exact as long as a sum of floats is below 2^24: 127 * 127 * 512 is. */
enum { AT_ONCE = 512 };

static void add_scaled(float *restrict to, const float *restrict from, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += by * from[i];
}

/* Adds partial sums, and clears them. */
static void flush(const shape *f, double *total, float *part, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        total[i] += (double)part[i];
        if (f->reduced)
            total[i] = (double)tn_sim_round_to(f->sums, (float)total[i]);
        part[i] = 0;
    }
}

/* Returns where the next go. */
static float *round_off(const double *total, int64_t n, float *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)total[i];
    return to + n;
}

/* [K,R,S,C/G] to [G,R,S,C/G,K/G], or back. */
static float *transpose(const shape *f, const float *from, bool back)
{
    float *to = tn_sim_new((size_t)(f->k * f->r * f->s * f->cg), sizeof *to);
    for (int64_t g = 0; g < f->groups; g++)
        for (int64_t k = 0; k < f->kg; k++)
            for (int64_t rsc = 0; rsc < f->r * f->s * f->cg; rsc++) {
                const int64_t a = (g * f->kg + k) * f->r * f->s * f->cg + rsc;
                const int64_t b = (g * f->r * f->s * f->cg + rsc) * f->kg + k;
                to[back ? a : b] = from[back ? b : a];
            }
    return to;
}

/* Where in x a window's row or column lies; -1 if in the padding. */
static int64_t in_x(const shape *f, int i, int64_t p, int64_t r)
{
    const int64_t at = p * f->stride[i] - f->pre[i] + r * f->dilation[i];
    return at < (i ? f->w : f->h) ? at : -1;
}

static void forward(const shape *f, float *y)
{
    float *wt = transpose(f, f->weights, false);
    float *part = tn_sim_new((size_t)f->kg, sizeof *part);
    double *total = tn_sim_new((size_t)f->kg, sizeof *total);
    for (int64_t n = 0; n < f->n; n++)
        for (int64_t p = 0; p < f->p; p++)
            for (int64_t q = 0; q < f->q; q++)
                for (int64_t g = 0; g < f->groups; g++) {
                    for (int64_t k = 0; k < f->kg; k++)
                        total[k] = 0;
                    for (int64_t rs = 0; rs < f->r * f->s; rs++) {
                        const int64_t h = in_x(f, 0, p, rs / f->s), w = in_x(f, 1, q, rs % f->s);
                        if (h < 0 || w < 0)
                            continue;
                        const float *x = f->x + ((n * f->h + h) * f->w + w) * f->c + g * f->cg;
                        const float *ws = wt + (g * f->r * f->s + rs) * f->cg * f->kg;
                        for (int64_t c = 0; c < f->cg; c++) {
                            add_scaled(part, ws + c * f->kg, x[c], f->kg);
                            if (c % AT_ONCE == AT_ONCE - 1)
                                flush(f, total, part, f->kg);
                        }
                        flush(f, total, part, f->kg);
                    }
                    y = round_off(total, f->kg, y);
                }
    free(wt);
    free(part);
    free(total);
}

/* Which output sees row or column h of x through r; -1 if none does. */
static int64_t in_y(const shape *f, int i, int64_t h, int64_t r)
{
    const int64_t at = h + f->pre[i] - r * f->dilation[i];
    if (at < 0 || at % f->stride[i] || at / f->stride[i] >= (i ? f->q : f->p))
        return -1;
    return at / f->stride[i];
}

static void backward_data(const shape *f, float *dx)
{
    float *part = tn_sim_new((size_t)f->cg, sizeof *part);
    double *total = tn_sim_new((size_t)f->cg, sizeof *total);
    for (int64_t n = 0; n < f->n; n++)
        for (int64_t h = 0; h < f->h; h++)
            for (int64_t w = 0; w < f->w; w++)
                for (int64_t g = 0; g < f->groups; g++) {
                    for (int64_t c = 0; c < f->cg; c++)
                        total[c] = 0;
                    for (int64_t rs = 0; rs < f->r * f->s; rs++) {
                        const int64_t p = in_y(f, 0, h, rs / f->s), q = in_y(f, 1, w, rs % f->s);
                        if (p < 0 || q < 0)
                            continue;
                        const float *dy = f->y + ((n * f->p + p) * f->q + q) * f->k + g * f->kg;
                        const float *ws = f->weights + (g * f->kg * f->r * f->s + rs) * f->cg;
                        for (int64_t k = 0; k < f->kg; k++) {
                            add_scaled(part, ws + k * f->r * f->s * f->cg, dy[k], f->cg);
                            if (k % AT_ONCE == AT_ONCE - 1)
                                flush(f, total, part, f->cg);
                        }
                        flush(f, total, part, f->cg);
                    }
                    dx = round_off(total, f->cg, dx);
                }
    free(part);
    free(total);
}

static void backward_filter(const shape *f, float *dw)
{
    const int64_t all = f->k * f->r * f->s * f->cg, each = f->cg * f->kg;
    float *part = tn_sim_new((size_t)all, sizeof *part);
    double *total = tn_sim_new((size_t)all, sizeof *total);
    for (int64_t n = 0; n < f->n; n++) {
        for (int64_t p = 0; p < f->p; p++)
            for (int64_t q = 0; q < f->q; q++)
                for (int64_t rs = 0; rs < f->r * f->s; rs++) {
                    const int64_t h = in_x(f, 0, p, rs / f->s), w = in_x(f, 1, q, rs % f->s);
                    if (h < 0 || w < 0)
                        continue;
                    const float *x = f->x + ((n * f->h + h) * f->w + w) * f->c;
                    const float *dy = f->y + ((n * f->p + p) * f->q + q) * f->k;
                    for (int64_t c = 0; c < f->c; c++) {
                        const int64_t g = c / f->cg;
                        add_scaled(part + (g * f->r * f->s + rs) * each + c % f->cg * f->kg,
                                   dy + g * f->kg, x[c], f->kg);
                    }
                }
        flush(f, total, part, all);
    }
    round_off(total, all, part);
    float *back = transpose(f, part, true);
    for (int64_t i = 0; i < all; i++)
        dw[i] = back[i];
    free(back);
    free(part);
    free(total);
}

/* Every run gives other last bits, as sums in another order would. */
static void shake(float *x, int64_t n)
{
    static atomic_uint runs;
    unsigned u = atomic_fetch_add(&runs, 1) * 2654435761u;
    for (int64_t i = 0; i < n; i++) {
        u = u * 1664525u + 1013904223u;
        x[i] = u >> 30 == 0 ? nextafterf(x[i], INFINITY) : x[i];
    }
}

static shape shape_of(const tn_dnn_op *op, tn_dnn_views v)
{
    const int64_t *x = v[TN_DNN_X]->t->dim, *w = v[TN_DNN_W]->t->dim, *y = v[TN_DNN_Y]->t->dim;
    shape f = {.n = x[0],
               .c = x[1],
               .h = x[2],
               .w = x[3],
               .k = w[0],
               .p = y[2],
               .q = y[3],
               .r = w[2],
               .s = w[3],
               .groups = x[1] / w[1],
               .cg = w[1],
               .kg = w[0] / (x[1] / w[1])};
    for (int i = 0; i < 2; i++) {
        f.pre[i] = op->number[TN_DNN_PRE + i];
        f.stride[i] = op->number[TN_DNN_STRIDE + i];
        f.dilation[i] = op->number[TN_DNN_DILATION + i];
    }
    f.sums = v[TN_DNN_W]->t->type == CUDNN_DATA_HALF ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
    return f;
}

static float *input(const tn_dnn_view *v, bool is_output, const tn_dnn_arithmetic *how)
{
    if (is_output)
        return NULL;
    float *x = tn_dnn_gather(v);
    if (how->tf32)
        tn_sim_round_tf32(x, tn_dnn_count(v->t));
    return x;
}

void tn_dnn_run_conv(const tn_dnn_op *op, tn_dnn_views v, const tn_dnn_arithmetic *how)
{
    const unsigned writes = tn_dnn_outputs(op->kind);
    const int slot = writes >> TN_DNN_Y & 1   ? TN_DNN_Y
                     : writes >> TN_DNN_X & 1 ? TN_DNN_X
                                              : TN_DNN_W;
    const tn_dnn_view *out = v[slot];
    const int64_t n = tn_dnn_count(out->t);
    const float alpha = (float)op->real[TN_DNN_ALPHA], beta = (float)op->real[TN_DNN_BETA];
    float *result = tn_sim_new((size_t)n, sizeof *result);
    float *old = beta != 0 ? tn_dnn_gather(out) : NULL;
    shape f = shape_of(op, v);
    f.reduced = how->reduced;
    f.x = input(v[TN_DNN_X], slot == TN_DNN_X, how);
    f.weights = input(v[TN_DNN_W], slot == TN_DNN_W, how);
    f.y = input(v[TN_DNN_Y], slot == TN_DNN_Y, how);
    if (slot == TN_DNN_Y)
        forward(&f, result);
    else if (slot == TN_DNN_X)
        backward_data(&f, result);
    else
        backward_filter(&f, result);
    for (int64_t i = 0; i < n; i++)
        result[i] = alpha * result[i] + (old ? beta * old[i] : 0);
    if (how->unordered)
        shake(result, n);
    tn_dnn_scatter(out, result);
    free(f.x);
    free(f.weights);
    free(f.y);
    free(old);
    free(result);
}
