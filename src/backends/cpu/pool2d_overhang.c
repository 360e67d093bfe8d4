/*
 * pool2d on the CPU where the mean counts the padding and windows reach past it: such a window is divided
 * by its taps inside of x and padding, which oneDNN cannot. In canonical layout, plane by plane.
 */
#include <string.h>

#include "backends/cpu/_cpu.h"
#include "base/base.h"

static tn_status supports(const tn_node *n)
{
    if (((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MEAN_PAD)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: this kernel is for MEAN_PAD only", n->name);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    return TN_OK;
}

/* What window number `i` of one direction covers. */
typedef struct span {
    int64_t begin, end; /* in x */
    int64_t taps;       /* in x and its padding */
} span;

static span span_of(const tn_pool2d_opts *o, int direction, int64_t i, int64_t size)
{
    const int64_t pad = o->pad[direction];
    const int64_t begin = i * o->stride[direction] - pad, end = begin + o->kernel[direction];
    return (span){.begin = begin > 0 ? begin : 0,
                  .end = end < size ? end : size,
                  .taps = (end < size + pad ? end : size + pad) - begin};
}

static void pool_plane(const tn_node *n, const float *x, float *y)
{
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    for (int64_t p = 0; p < P; p++) {
        const span rows = span_of(n->opts, 0, p, H);
        for (int64_t q = 0; q < Q; q++) {
            const span columns = span_of(n->opts, 1, q, W);
            float sum = 0;
            for (int64_t h = rows.begin; h < rows.end; h++)
                for (int64_t w = columns.begin; w < columns.end; w++)
                    sum += x[h * W + w];
            y[p * Q + q] = sum / (float)(rows.taps * columns.taps);
        }
    }
}

static void unpool_plane(const tn_node *n, const float *dy, float *dx)
{
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    memset(dx, 0, (size_t)(H * W) * sizeof *dx);
    for (int64_t p = 0; p < P; p++) {
        const span rows = span_of(n->opts, 0, p, H);
        for (int64_t q = 0; q < Q; q++) {
            const span columns = span_of(n->opts, 1, q, W);
            const float part = dy[p * Q + q] / (float)(rows.taps * columns.taps);
            for (int64_t h = rows.begin; h < rows.end; h++)
                for (int64_t w = columns.begin; w < columns.end; w++)
                    dx[h * W + w] += part;
        }
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t planes = n->x[0].dim[0] * n->x[0].dim[1];
    const int64_t in = n->x[0].dim[2] * n->x[0].dim[3], out = n->y[0].dim[2] * n->y[0].dim[3];
    const float *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < planes; i++)
        pool_plane(n, x + i * in, y + i * out);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t planes = n->x[0].dim[0] * n->x[0].dim[1];
    const int64_t in = n->x[0].dim[2] * n->x[0].dim[3], out = n->y[0].dim[2] * n->y[0].dim[3];
    const float *dy = c->dy;
    float *dx = c->dx[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < planes; i++)
        unpool_plane(n, dy + i * out, dx + i * in);
    return TN_OK;
}

const tn_kernel tn_cpu_pool2d_overhang = {
    .op = "pool2d",
    .name = "overhang",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
