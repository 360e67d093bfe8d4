#include "lab_pool.h"

#include <math.h>

/* One window: its taps in x, of each direction, and how many there are in x and its padding. */
typedef struct taps {
    int64_t at[64], count, all;
} taps;
typedef struct window {
    taps down, across;
} window;

static taps taps_at(const tn_pool2d_opts *o, const tn_shape *x, int i, int64_t number)
{
    const int64_t size = x->dim[2 + i];
    const int kernel = o->global ? (int)size : o->kernel[i] ? o->kernel[i] : o->kernel[0];
    const int stride = o->stride[i] ? o->stride[i] : o->stride[0] ? o->stride[0] : kernel;
    const int step = o->dilation[i] ? o->dilation[i] : o->dilation[0] ? o->dilation[0] : 1;
    const int pad = lab_pad(o->kernel, o->pad, i);
    const int64_t end = size + pad + lab_pad(o->kernel, o->pad_extra, i);
    taps t = {.count = 0};
    for (int k = 0; k < kernel; k++) {
        const int64_t at = number * stride - pad + (int64_t)k * step;
        t.all += at < end;
        if (at >= 0 && at < size) {
            assert_true(t.count < (int64_t)TN_COUNT(t.at));
            t.at[t.count++] = at;
        }
    }
    return t;
}

static window window_at(const tn_pool2d_opts *o, const tn_shape *x, int64_t p, int64_t q)
{
    return (window){taps_at(o, x, 0, p), taps_at(o, x, 1, q)};
}

static double divisor(const tn_pool2d_opts *o, const window *w)
{
    if (o->kind == TN_POOL_MEAN_PAD)
        return (double)(w->down.all * w->across.all);
    return (double)(w->down.count * w->across.count);
}

/* Element of the plane that tap number i of those in x is. */
static int64_t tap(const window *w, int64_t width, int64_t i)
{
    return w->down.at[i / w->across.count] * width + w->across.at[i % w->across.count];
}

/* The first of the largest; a NaN is larger than anything. */
static int64_t pick(const double *x, int64_t width, const window *w)
{
    int64_t best = tap(w, width, 0);
    for (int64_t i = 0; i < w->down.count * w->across.count; i++)
        if (!(x[tap(w, width, i)] <= x[best]) && !isnan(x[best]))
            best = tap(w, width, i);
    return best;
}

/* Calls visit for every window of every plane. */
static void each_window(const lab_ref *r,
                        void (*visit)(const lab_ref *r, const window *w, int64_t plane, int64_t y))
{
    const tn_pool2d_opts *o = r->opts;
    const int64_t *y = r->y_shape.dim;
    for (int64_t plane = 0; plane < y[0] * y[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++) {
                const window w = window_at(o, &r->x_shape[0], p, q);
                visit(r, &w, plane * r->x_shape[0].dim[2] * r->x_shape[0].dim[3],
                      (plane * y[2] + p) * y[3] + q);
            }
}

static void pool_one(const lab_ref *r, const window *w, int64_t plane, int64_t y)
{
    const tn_pool2d_opts *o = r->opts;
    const int64_t width = r->x_shape[0].dim[3];
    const double *x = r->x[0] + plane;
    double sum = 0;
    for (int64_t i = 0; i < w->down.count * w->across.count; i++)
        sum += x[tap(w, width, i)];
    r->y[y] = o->kind == TN_POOL_MAX ? x[pick(x, width, w)] : sum / divisor(o, w);
}

static void unpool_one(const lab_ref *r, const window *w, int64_t plane, int64_t y)
{
    const tn_pool2d_opts *o = r->opts;
    const int64_t width = r->x_shape[0].dim[3];
    double *dx = r->dx[0] + plane;
    if (o->kind == TN_POOL_MAX) {
        dx[pick(r->x[0] + plane, width, w)] += r->dy[y];
        return;
    }
    for (int64_t i = 0; i < w->down.count * w->across.count; i++)
        dx[tap(w, width, i)] += r->dy[y] / divisor(o, w);
}

void lab_pool_reference(const lab_ref *r)
{
    each_window(r, pool_one);
}

void lab_pool_backward(const lab_ref *r)
{
    each_window(r, unpool_one);
}
