/* resize: each pixel of y a sum of pixels of x, by the weights of layers/resize.c. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

/* a[p,h] of that formula. */
static double weight(const tn_resize_opts *o, int64_t p, int64_t out, int64_t i, int64_t in)
{
    if (o->kind == TN_RESIZE_NEAREST)
        return i == (2 * p + 1) * in / (2 * out);
    double at = ((double)p + 0.5) * (double)in / (double)out - 0.5;
    if (o->align_corners)
        at = out > 1 ? (double)p * (double)(in - 1) / (double)(out - 1) : 0;
    at = fmin(fmax(at, 0), (double)(in - 1));
    return fmax(1 - fabs(at - (double)i), 0);
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    const float *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++) {
        const int64_t image = i / (P * Q), p = i / Q % P, q = i % Q;
        double sum = 0;
        for (int64_t h = 0; h < H; h++) {
            const double a = weight(n->opts, p, P, h, H);
            for (int64_t w = 0; w < W && a > 0; w++)
                sum += a * weight(n->opts, q, Q, w, W) * (double)x[(image * H + h) * W + w];
        }
        y[i] = (float)sum;
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    const float *dy = c->dy[0];
    float *dx = c->dx[0];
    if (!dx)
        return TN_OK;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < tn_elements(&n->x[0]); i++) {
        const int64_t image = i / (H * W), h = i / W % H, w = i % W;
        double sum = 0;
        for (int64_t p = 0; p < P; p++) {
            const double a = weight(n->opts, p, P, h, H);
            for (int64_t q = 0; q < Q && a > 0; q++)
                sum += a * weight(n->opts, q, Q, w, W) * (double)dy[(image * P + p) * Q + q];
        }
        dx[i] = (float)sum;
    }
    return TN_OK;
}

const tn_kernel tn_reference_resize = {
    .op = "resize",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
