/* pool2d by kernels of our own, in nhwc. MAX keeps for backward which tap it was: a byte each if that will do. */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/pool.h"

static bool is_max(const tn_node *n)
{
    return ((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MAX;
}

static int64_t taps_of(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    return (int64_t)o->kernel[0] * o->kernel[1];
}

static size_t pick_bytes(const tn_node *n)
{
    return taps_of(n) <= UINT8_MAX + 1 ? sizeof(uint8_t) : sizeof(int32_t);
}

/* Elements that a thread does at a time. */
static int64_t lanes_of(const tn_node *n, tn_dtype dtype)
{
    const int64_t lanes = TNK_POOL_BYTES / (int64_t)tn_dtype_bytes(dtype);
    return n->x[0].dim[1] % lanes || pick_bytes(n) > 1 ? 1 : lanes;
}

/* Kernels count rows, columns and taps in 32 bits. */
static tn_status supports(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    for (int i = 0; i < 2; i++)
        if (tn_padded(&n->x[0], o->pad, o->pad_extra, i) + tn_reach(o->kernel, o->dilation, i) +
                o->dilation[i] + o->stride[i] >
            INT32_MAX)
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "pool2d %s: this kernel's rows and columns end at %d", n->name,
                           INT32_MAX);
    if (taps_of(n) > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: a window has more than %d elements", n->name,
                       INT32_MAX);
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (tn_elements(&n->x[0]) / lanes_of(n, tn_cuda_type_of(b->precision)) > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s on %s: x %s is too large", n->name, d->name,
                       tn_shape_format(&n->x[0]).text);
    TN_TRY(tn_cuda_want_nhwc(d, n, b, 0));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    if (b->dx[0] && is_max(n))
        b->saved_bytes = (size_t)tn_elements(&n->y[0]) * pick_bytes(n);
    return TN_OK;
}

/* `through`: the tensor whose elements are each written once. */
static struct tnk_pool_args args_of(const tn_call *c, const tn_shape *through, const void *from,
                                    void *to)
{
    const tn_node *n = c->node;
    const int64_t lanes = lanes_of(n, tn_cuda_type_of(c->run->precision));
    const tn_pool2d_opts *o = n->opts;
    struct tnk_pool_args a = {
        .from = from,
        .to = to,
        .count = tn_elements(through) / lanes,
        .channels = n->x[0].dim[1],
        .groups = tnk_divisor_of(n->x[0].dim[1] / lanes),
        .rows = tnk_divisor_of(through->dim[2]),
        .columns = tnk_divisor_of(through->dim[3]),
        .lanes = (int32_t)lanes,
        .pick_bytes = (int32_t)pick_bytes(n),
        .counts_pad = o->kind == TN_POOL_MEAN_PAD,
    };
    for (int i = 0; i < 2; i++) {
        a.in[i] = (int32_t)n->x[0].dim[2 + i];
        a.out[i] = (int32_t)n->y[0].dim[2 + i];
        a.kernel[i] = o->kernel[i];
        a.reach[i] = (int32_t)tn_reach(o->kernel, o->dilation, i);
        a.dilation[i] = tnk_divisor_of(o->dilation[i]);
        a.stride[i] = tnk_divisor_of(o->stride[i]);
        a.pad[i] = o->pad[i];
        a.after[i] = o->pad[i] + o->pad_extra[i];
    }
    return a;
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_dtype dtype = tn_cuda_type_of(c->run->precision);
    struct tnk_pool_args a = args_of(c, &n->y[0], c->x[0], c->y[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.count);
    a.pick = c->run->training ? c->saved : NULL;
    if (is_max(n))
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
    struct tnk_pool_args a = args_of(c, &n->x[0], c->dy[0], c->dx[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.count);
    a.pick = c->saved;
    if (!c->dx[0])
        return TN_OK;
    if (is_max(n))
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
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
