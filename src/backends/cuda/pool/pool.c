#include "backends/cuda/pool/pool.h"

static int64_t taps_of(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    return (int64_t)o->kernel[0] * o->kernel[1];
}

size_t tn_cuda_pick_bytes(const tn_node *n)
{
    return taps_of(n) <= UINT8_MAX + 1 ? sizeof(uint8_t) : sizeof(int32_t);
}

int64_t tn_cuda_pool_lanes(const tn_node *n, tn_dtype dtype)
{
    const int64_t lanes = TNK_POOL_BYTES / (int64_t)tn_dtype_bytes(dtype);
    return n->x[0].dim[1] % lanes || tn_cuda_pick_bytes(n) > 1 ? 1 : lanes;
}

/* Kernels count rows, columns and taps in 32 bits. */
tn_status tn_cuda_pool_check(const tn_node *n)
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

struct tnk_pool_args tn_cuda_pool_args(const tn_node *n, tn_dtype dtype, const tn_shape *through,
                                       const void *from, void *to)
{
    const int64_t lanes = tn_cuda_pool_lanes(n, dtype);
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
        .pick_bytes = (int32_t)tn_cuda_pick_bytes(n),
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
