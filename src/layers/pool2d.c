/*
 * pool2d: the largest or the mean of each window.
 *
 *   x  N x C x H x W     y  N x C x P x Q     window R x S
 *   y[n,c,p,q] = max or mean over r,s of x[n,c, p*stride - pad + r*dilation, q*stride - pad + s*dilation]
 *
 * A NaN is larger than anything. Taps outside of x do not exist for MAX and MEAN. MEAN_PAD counts those in
 * the padding as zeros, those beyond it (which only `ceil` gives) not at all. A pad below what a window spans, the
 * rule that a window begins before the end of x, and a dilation that does not step over x leave every window at least
 * one tap in x.
 *
 *   dx: MAX hands dy to the first of the largest, the means share it out evenly.
 *   Saved for backward: which tap was the largest; where a relu was absorbed and made it 0, that none was.
 *   Source of rounding and divisors: Caffe's src/caffe/layers/pooling_layer.cpp.
 */
#include <limits.h>
#include <string.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status fill_global(tn_node *n)
{
    tn_pool2d_opts *o = n->opts;
    if (o->kernel[0] || o->kernel[1] || o->stride[0] || o->stride[1] || o->pad[0] || o->pad[1] ||
        o->pad_extra[0] || o->pad_extra[1] || o->dilation[0] || o->dilation[1] || o->ceil)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "pool2d %s: global, and yet a kernel, stride, pad, dilation or ceil is given", n->name);
    for (int i = 0; i < 2; i++) {
        if (n->x[0].dim[2 + i] > INT_MAX)
            return tn_fail(TN_ERR_SHAPE, "pool2d %s: a window of %lld is too large", n->name,
                           (long long)n->x[0].dim[2 + i]);
        o->kernel[i] = (int)n->x[0].dim[2 + i];
    }
    return TN_OK;
}

static tn_status check_padding(const tn_node *n, int direction, int64_t reach, int64_t after)
{
    const tn_pool2d_opts *o = n->opts;
    const int pad = o->pad[direction], dilation = o->dilation[direction];
    const int64_t size = n->x[0].dim[2 + direction];
    const char *of = dilation > 1 ? "window's" : "kernel";
    if (pad < 0 || pad >= reach)
        return tn_fail(TN_ERR_ARGUMENT, "pool2d %s: pad %d is not in [0, %s %lld)", n->name, pad,
                       of, (long long)reach);
    if (after < 0 || after >= reach)
        return tn_fail(TN_ERR_ARGUMENT,
                       "pool2d %s: pad %d and pad_extra %d are not in [0, %s %lld)", n->name, pad,
                       o->pad_extra[direction], of, (long long)reach);
    if (pad > 0 && dilation > size)
        return tn_fail(TN_ERR_SHAPE, "pool2d %s: dilation %d may step from pad %d over all %lld",
                       n->name, dilation, pad, (long long)size);
    return TN_OK;
}

/* Checks the numbers of one direction, 0 vertical, 1 horizontal, and gives P or Q. */
static tn_status count_windows(const tn_node *n, int direction, int64_t *count)
{
    const tn_pool2d_opts *o = n->opts;
    const int64_t size = n->x[0].dim[2 + direction];
    const int kernel = o->kernel[direction], stride = o->stride[direction];
    const int pad = o->pad[direction], dilation = o->dilation[direction];
    if (kernel < 1 || stride < 1)
        return tn_fail(TN_ERR_ARGUMENT, "pool2d %s: kernel %d and stride %d are not both above 0",
                       n->name, kernel, stride);
    if (dilation < 1)
        return tn_fail(TN_ERR_ARGUMENT, "pool2d %s: dilation %d is not above 0", n->name, dilation);
    const int64_t reach = tn_reach(o->kernel, o->dilation, direction);
    const int64_t after = (int64_t)pad + o->pad_extra[direction];
    TN_TRY(check_padding(n, direction, reach, after));
    const int64_t room = size + pad + after - reach;
    if (room < 0)
        return tn_fail(TN_ERR_SHAPE,
                       "pool2d %s: a window of %lld does not fit into %lld, pad %d and %lld",
                       n->name, (long long)reach, (long long)size, pad, (long long)after);
    *count = (room + (o->ceil ? stride - 1 : 0)) / stride + 1;
    if ((*count - 1) * stride - pad >= size)
        --*count;
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_pool2d_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 4));
    if ((unsigned)o->kind > TN_POOL_MEAN_PAD)
        return tn_fail(TN_ERR_ARGUMENT, "pool2d %s: %d is no kind", n->name, (int)o->kind);
    if (o->global)
        TN_TRY(fill_global(n));
    const bool square = tn_complete_pair(o->kernel, 0);
    if (o->stride[0] == 0 && o->stride[1] == 0)
        o->stride[1] = o->kernel[1];
    tn_complete_pair(o->stride, o->kernel[0]);
    tn_complete_pair(o->dilation, 1);
    tn_complete_pad(o->pad, square);
    tn_complete_pad(o->pad_extra, square);
    n->y[0] = n->x[0];
    for (int i = 0; i < 2; i++)
        TN_TRY(count_windows(n, i, &n->y[0].dim[2 + i]));
    return TN_OK;
}

static bool picks(const tn_node *n)
{
    return ((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MAX;
}

static double flops(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    return (double)tn_elements(&n->y[0]) * o->kernel[0] * o->kernel[1];
}

static const char *const kinds[] = {
    [TN_POOL_MAX] = "max",
    [TN_POOL_MEAN] = "mean",
    [TN_POOL_MEAN_PAD] = "mean_pad",
    [TN_POOL_MEAN_PAD + 1] = NULL,
};

static const tn_attr attrs[] = {
    {"kind", NULL, TN_ATTR_ENUM, offsetof(tn_pool2d_opts, kind), kinds},
    {"kernel", "kernel_shape", TN_ATTR_INT2, offsetof(tn_pool2d_opts, kernel)},
    {"stride", "strides", TN_ATTR_INT2, offsetof(tn_pool2d_opts, stride)},
    {"pad", "pads", TN_ATTR_INT2, offsetof(tn_pool2d_opts, pad)},
    {"pad_extra", NULL, TN_ATTR_INT2, offsetof(tn_pool2d_opts, pad_extra)},
    {"ceil", "ceil_mode", TN_ATTR_BOOL, offsetof(tn_pool2d_opts, ceil)},
    {"global", NULL, TN_ATTR_BOOL, offsetof(tn_pool2d_opts, global)},
    {"dilation", "dilations", TN_ATTR_INT2, offsetof(tn_pool2d_opts, dilation)},
    {0},
};

const tn_op tn_op_pool2d = {
    .name = "pool2d",
    .opts_size = sizeof(tn_pool2d_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .picks = picks,
    .flops = flops,
};

tn_value tn_pool2d(tn_graph *g, tn_value x, const tn_pool2d_opts *opts)
{
    return tn_graph_add(g, &tn_op_pool2d, opts ? opts->name : NULL, 1, &x, opts);
}
