/* top_k by a kernel of our own, on rows. */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/top.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    return tn_cuda_give_rows(d, n, b);
}

static tn_status forward(const tn_call *c)
{
    const tn_top_k_opts *o = c->node->opts;
    const tn_lines x = tn_lines_along(&c->node->x[0], o->axis);
    struct tnk_top_args a = {.x = c->x[0],
                             .values = c->y[0],
                             .indices = c->y[1],
                             .outer = x.outer,
                             .size = x.size,
                             .inner = x.inner,
                             .k = o->k,
                             .smallest = o->smallest,
                             .last = o->last};
    const unsigned grid = tn_cuda_grid(c->device, tn_elements(&c->node->x[0]));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_top, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_top_k = {
    .op = "top_k",
    .prepare = prepare,
    .forward = forward,
};
