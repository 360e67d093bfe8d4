/* softmax by kernels of our own: a warp a row, or a block a long one; sums in f32. */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/softmax.h"

enum { WARP = 32 };

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    TN_TRY(tn_cuda_give_rows(d, n, b));
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

static unsigned grid_of(const tn_call *c)
{
    const int64_t rows = c->node->x[0].dim[0], classes = c->node->x[0].dim[1];
    return tn_cuda_grid(c->device, rows * (classes > TNK_SOFTMAX_WARP ? TN_CUDA_BLOCK : WARP));
}

static tn_status forward(const tn_call *c)
{
    struct tnk_softmax_args a = {
        .x = c->x[0],
        .y = c->y[0],
        .rows = c->node->x[0].dim[0],
        .columns = c->node->x[0].dim[1],
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_softmax, grid_of(c),
                           TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_softmax_back_args a = {
        .y = c->y[0],
        .dy = c->dy[0],
        .dx = c->dx[0],
        .rows = c->node->x[0].dim[0],
        .columns = c->node->x[0].dim[1],
    };
    if (!a.dx)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_softmax_back, grid_of(c),
                           TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_softmax_native = {
    .op = "softmax",
    .name = "native",
    .rank = 2,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
