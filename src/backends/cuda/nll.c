/* nll by kernels of our own, on rows: a thread a label; backward, an element of x. */
#include "backends/cuda/index/index.h"
#include "backends/cuda/kernels/index.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (n->num_in > 2 && b->dx[2])
        return tn_fail(TN_ERR_UNSUPPORTED, "nll %s: weights of classes have no gradient", n->name);
    TN_TRY(tn_cuda_index_prepare(d, n, b));
    b->y[1] = b->y[0];
    return TN_OK;
}

static struct tnk_nll_args args_of(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_lines x = tn_lines_along(&n->x[0], 1);
    return (struct tnk_nll_args){.labels = c->x[1],
                                 .classes = n->num_in > 2 ? c->x[2] : NULL,
                                 .outer = x.outer,
                                 .size = x.size,
                                 .inner = x.inner,
                                 .ignore = ((const tn_nll_opts *)n->opts)->ignore};
}

static tn_status forward(const tn_call *c)
{
    struct tnk_nll_args a = args_of(c);
    const unsigned grid = tn_cuda_grid(c->device, a.outer * a.inner);
    a.x = c->x[0];
    a.losses = c->y[0];
    a.weights = c->y[1];
    TN_TRY(tn_cuda_index_check(c, 0, a.size, a.ignore, TN_FAULT_CLASS));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_nll, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_nll_args a = args_of(c);
    const unsigned grid = tn_cuda_grid(c->device, tn_elements(&c->node->x[0]));
    a.x = c->dy[0];
    a.losses = c->dx[0];
    if (!a.losses)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_nll_back, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_nll = {
    .op = "nll",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_index_release,
};
