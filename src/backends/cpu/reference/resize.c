/* resize: each pixel of y a sum of pixels of x, by the weights of layers/resize.c. */
#include "backends/cpu/reference/_reference.h"
#include "tensor/resample.h"

static void find_y(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_node *n = c->node;
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    const tn_resample down = tn_resample_of(H, P, n->opts, 0),
                      across = tn_resample_of(W, Q, n->opts, 1);
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t image = i / (P * Q), p = i / Q % P, q = i % Q;
        double sum = 0;
        for (int64_t h = 0; h < H; h++) {
            const double a = tn_resample_share(&down, h, p);
            for (int64_t w = 0; w < W && a > 0; w++)
                sum += a * tn_resample_share(&across, w, q) * (double)x[(image * H + h) * W + w];
        }
        y[i] = (float)sum;
    }
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, tn_elements(&c->node->y[0]), 16, find_y, c);
    return TN_OK;
}

static void find_dx(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_node *n = c->node;
    const int64_t H = n->x[0].dim[2], W = n->x[0].dim[3], P = n->y[0].dim[2], Q = n->y[0].dim[3];
    const tn_resample down = tn_resample_of(H, P, n->opts, 0),
                      across = tn_resample_of(W, Q, n->opts, 1);
    const float *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t image = i / (H * W), h = i / W % H, w = i % W;
        double sum = 0;
        for (int64_t p = 0; p < P; p++) {
            const double a = tn_resample_share(&down, h, p);
            for (int64_t q = 0; q < Q && a > 0; q++)
                sum += a * tn_resample_share(&across, w, q) * (double)dy[(image * P + p) * Q + q];
        }
        dx[i] = (float)sum;
    }
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        tn_each(c->device, tn_elements(&c->node->x[0]), 16, find_dx, c);
    return TN_OK;
}

const tn_kernel tn_reference_resize = {
    .op = "resize",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
