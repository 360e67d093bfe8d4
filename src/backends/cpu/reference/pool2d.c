/*
 * pool2d: the largest or the mean of each window; src/layers/pool2d.c has the formula and the divisors.
 * Backward finds the largest again: dy goes to the first of equals, or to the first NaN.
 */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

/* The part of a window that lies inside of x: each dh-th row from h0 on, before h1; columns likewise. */
typedef struct window {
    int64_t h0, h1, dh, w0, w1, dw;
    double divisor;
} window;

/* Taps of a window of one direction that lie in [begin, end). */
typedef struct taps {
    int64_t first, end, count;
} taps;

static taps taps_in(const tn_pool2d_opts *o, int direction, int64_t at, int64_t begin, int64_t end)
{
    taps t = {end, end, 0};
    for (int r = 0; r < o->kernel[direction]; r++) {
        const int64_t i = at + (int64_t)r * o->dilation[direction];
        if (i < begin || i >= end)
            continue;
        if (t.count++ == 0)
            t.first = i;
        t.end = i + 1;
    }
    return t;
}

static window find_window(const tn_node *n, int64_t p, int64_t q)
{
    const tn_pool2d_opts *o = n->opts;
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3];
    const int64_t h = p * o->stride[0] - o->pad[0], w = q * o->stride[1] - o->pad[1];
    const taps down = taps_in(o, 0, h, 0, H), across = taps_in(o, 1, w, 0, W);
    window a = {down.first,
                down.end,
                o->dilation[0],
                across.first,
                across.end,
                o->dilation[1],
                (double)(down.count * across.count)};
    if (o->kind == TN_POOL_MEAN_PAD)
        a.divisor = (double)(taps_in(o, 0, h, -o->pad[0], H + o->pad[0] + o->pad_extra[0]).count *
                             taps_in(o, 1, w, -o->pad[1], W + o->pad[1] + o->pad_extra[1]).count);
    return a;
}

/* Where in the image plane x the largest is. */
static int64_t find_largest(const float *x, int64_t W, const window *a)
{
    int64_t best = a->h0 * W + a->w0;
    for (int64_t h = a->h0; h < a->h1; h += a->dh)
        for (int64_t w = a->w0; w < a->w1; w += a->dw) {
            const bool larger = x[h * W + w] > x[best] || isnan(x[h * W + w]);
            if (larger && !isnan(x[best]))
                best = h * W + w;
        }
    return best;
}

static double find_mean(const float *x, int64_t W, const window *a)
{
    double sum = 0;
    for (int64_t h = a->h0; h < a->h1; h += a->dh)
        for (int64_t w = a->w0; w < a->w1; w += a->dw)
            sum += (double)x[h * W + w];
    return sum / a->divisor;
}

static bool is_max(const tn_node *n)
{
    return ((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MAX;
}

static int64_t planes_of(const tn_node *n)
{
    return n->x[0].dim[0] * n->x[0].dim[1];
}

static void find_y(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_node *n = c->node;
    const int64_t W = n->x[0].dim[3];
    const int64_t size = n->x[0].dim[2] * W, P = n->y[0].dim[2], Q = n->y[0].dim[3];
    float *y = c->y[0];
    for (int64_t i = all.begin; i < all.end; i++)
        for (int64_t j = 0; j < P * Q; j++) {
            const float *x = (const float *)c->x[0] + i * size;
            const window a = find_window(n, j / Q, j % Q);
            y[i * P * Q + j] = is_max(n) ? x[find_largest(x, W, &a)] : (float)find_mean(x, W, &a);
        }
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, planes_of(c->node), 1, find_y, c);
    return TN_OK;
}

static void spread(double *dx, int64_t W, const window *a, double dy)
{
    for (int64_t h = a->h0; h < a->h1; h += a->dh)
        for (int64_t w = a->w0; w < a->w1; w += a->dw)
            dx[h * W + w] += dy / a->divisor;
}

static void find_sums(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_node *n = c->node;
    const int64_t W = n->x[0].dim[3];
    const int64_t size = n->x[0].dim[2] * W, P = n->y[0].dim[2], Q = n->y[0].dim[3];
    const float *dy = c->dy[0];
    double *sums = c->scratch;
    for (int64_t i = all.begin; i < all.end; i++)
        for (int64_t j = 0; j < P * Q; j++) {
            const float *x = (const float *)c->x[0] + i * size;
            const window a = find_window(n, j / Q, j % Q);
            if (is_max(n))
                sums[i * size + find_largest(x, W, &a)] += (double)dy[i * P * Q + j];
            else
                spread(sums + i * size, W, &a, (double)dy[i * P * Q + j]);
        }
}

static tn_status backward(const tn_call *c)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    if (!c->dx[0])
        return TN_OK;
    (void)tn_reference_sums(c, count);
    tn_each(c->device, planes_of(c->node), 1, find_sums, c);
    tn_reference_store(c->dx[0], c->scratch, count);
    return TN_OK;
}

const tn_kernel tn_reference_pool2d = {
    .op = "pool2d",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
