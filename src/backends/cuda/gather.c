/* gather by kernels of our own, on rows: a thread an element of y, both ways. */
#include "backends/cuda/index/index.h"
#include "backends/cuda/kernels/index.h"

static struct tnk_gather_args args_of(const tn_call *c, const void *from, void *to)
{
    const tn_node *n = c->node;
    const tn_gather_opts *o = n->opts;
    const tn_lines x = tn_lines_along(&n->x[0], o->axis);
    return (struct tnk_gather_args){.from = from,
                                    .to = to,
                                    .indices = c->x[1],
                                    .outer = x.outer,
                                    .size = x.size,
                                    .inner = x.inner,
                                    .count = o->each ? n->x[1].dim[o->axis] : tn_elements(&n->x[1]),
                                    .each = o->each};
}

static tn_status forward(const tn_call *c)
{
    struct tnk_gather_args a = args_of(c, c->x[0], c->y[0]);
    const unsigned grid = tn_cuda_grid(c->device, tn_elements(&c->node->y[0]));
    TN_TRY(tn_cuda_index_check(c, -a.size, a.size, 0, TN_FAULT_INDEX));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_gather, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_gather_args a = args_of(c, c->dy[0], c->dx[0]);
    const unsigned grid = tn_cuda_grid(c->device, tn_elements(&c->node->y[0]));
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    if (!a.to)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            cudaMemsetAsync(a.to, 0, (size_t)tn_elements(&c->node->x[0]) * tn_dtype_bytes(type),
                            c->device->compute));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(type, tnk_gather_back, grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_gather = {
    .op = "gather",
    .prepare = tn_cuda_index_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_index_release,
};
