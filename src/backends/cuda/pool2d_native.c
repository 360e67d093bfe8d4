/* pool2d by kernels of our own, in nhwc. MAX keeps for backward which tap it was: a byte each if that will do. */
#include "backends/cuda/pool/pool.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (tn_elements(&n->x[0]) / tn_cuda_pool_lanes(n, tn_cuda_type_of(b->precision)) > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s on %s: x %s is too large", n->name, d->name,
                       tn_shape_format(&n->x[0]).text);
    TN_TRY(tn_cuda_want_nhwc(d, n, b, 0));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    if (b->dx[0] && tn_cuda_pools_largest(n))
        b->saved_bytes = (size_t)tn_elements(&n->y[0]) * tn_cuda_pick_bytes(n);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_dtype dtype = tn_cuda_type_of(c->run->precision);
    struct tnk_pool_args a = tn_cuda_pool_args(n, dtype, &n->y[0], c->x[0], c->y[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.count);
    a.pick = c->run->training ? c->saved : NULL;
    if (tn_cuda_pools_largest(n))
        TN_CUDA(
            c->device, n,
            TN_LAUNCH_TYPE(dtype, tnk_pool_max, grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    else
        TN_CUDA(
            c->device, n,
            TN_LAUNCH_TYPE(dtype, tnk_pool_mean, grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_dtype dtype = tn_cuda_type_of(c->run->precision);
    struct tnk_pool_args a = tn_cuda_pool_args(n, dtype, &n->x[0], c->dy[0], c->dx[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.count);
    a.pick = c->saved;
    if (!c->dx[0])
        return TN_OK;
    if (tn_cuda_pools_largest(n))
        TN_CUDA(c->device, n,
                TN_LAUNCH_TYPE(dtype, tnk_pool_max_back, grid, TN_CUDA_BLOCK, 0, c->device->compute,
                               &a));
    else
        TN_CUDA(c->device, n,
                TN_LAUNCH_TYPE(dtype, tnk_pool_mean_back, grid, TN_CUDA_BLOCK, 0,
                               c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_pool2d_native = {
    .op = "pool2d",
    .name = "native",
    .rank = 2,
    .supports = tn_cuda_pool_check,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
