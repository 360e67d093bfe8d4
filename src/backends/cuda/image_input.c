/*
 * image_input: bytes to nhwc with 4 channels in memory, of the plan's type, those that x has not zero. x is
 * N x H x W x C, which is that order already: one pixel a thread.
 */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/elementwise.h"

enum { CHANNELS = 4 };

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    b->x[0] = NULL;
    return tn_cuda_layout_of(d, &n->y[0], tn_cuda_type_of(b->precision), TN_CUDA_NHWC, CHANNELS,
                             &b->y[0]);
}

static tn_status forward(const tn_call *c)
{
    const tn_image_input_opts *o = c->node->opts;
    const tn_shape *x = &c->node->x[0];
    struct tnk_image_args a = {
        .x = c->x[0],
        .y = c->y[0],
        .pixels = x->dim[0] * x->dim[1] * x->dim[2],
        .channels = (int32_t)x->dim[3],
    };
    for (int i = 0; i < CHANNELS; i++) {
        a.mean[i] = o->mean[i];
        a.scale[i] = o->scale[i];
    }
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_image,
                           tn_cuda_grid(c->device, a.pixels), TN_CUDA_BLOCK, 0, c->device->compute,
                           &a));
    return TN_OK;
}

const tn_kernel tn_cuda_image_input = {
    .op = "image_input",
    .prepare = prepare,
    .forward = forward,
};
