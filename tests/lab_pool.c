#include "lab_pool.h"

#include <math.h>

/* One window: the taps in x, and how many there are in x and its padding. */
typedef struct window {
    int64_t top, bottom, left, right, all;
} window;

static window window_at(const tn_pool2d_opts *o, const tn_shape *x, int64_t p, int64_t q)
{
    const int64_t size[2] = {x->dim[2], x->dim[3]}, at[2] = {p, q};
    int64_t first[2], last[2], taps[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const int kernel = o->global ? (int)size[i] : o->kernel[i] ? o->kernel[i] : o->kernel[0];
        const int stride = o->stride[i] ? o->stride[i] : o->stride[0] ? o->stride[0] : kernel;
        const int pad = lab_pad(o->kernel, o->pad, i);
        first[i] = size[i];
        last[i] = -1;
        for (int64_t k = at[i] * stride - pad; k < at[i] * stride - pad + kernel; k++) {
            taps[i] += k < size[i] + pad + lab_pad(o->kernel, o->pad_extra, i);
            if (k < 0 || k >= size[i])
                continue;
            first[i] = k < first[i] ? k : first[i];
            last[i] = k;
        }
    }
    return (window){first[0], last[0], first[1], last[1], taps[0] * taps[1]};
}

static double divisor(const tn_pool2d_opts *o, const window *w)
{
    if (o->kind == TN_POOL_MEAN_PAD)
        return (double)w->all;
    return (double)((w->bottom - w->top + 1) * (w->right - w->left + 1));
}

/* The first of the largest; a NaN is larger than anything. */
static int64_t pick(const double *x, int64_t width, const window *w)
{
    int64_t best = w->top * width + w->left;
    for (int64_t h = w->top; h <= w->bottom; h++)
        for (int64_t v = w->left; v <= w->right; v++)
            if (!(x[h * width + v] <= x[best]) && !isnan(x[best]))
                best = h * width + v;
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
    for (int64_t h = w->top; h <= w->bottom; h++)
        for (int64_t v = w->left; v <= w->right; v++)
            sum += x[h * width + v];
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
    for (int64_t h = w->top; h <= w->bottom; h++)
        for (int64_t v = w->left; v <= w->right; v++)
            dx[h * width + v] += r->dy[y] / divisor(o, w);
}

void lab_pool_reference(const lab_ref *r)
{
    each_window(r, pool_one);
}

void lab_pool_backward(const lab_ref *r)
{
    each_window(r, unpool_one);
}
