/* conv2d: y[n,k,p,q] = bias[k] + sum over c,r,s of weight[k,c,r,s] * x[n, c, p', q'],
 *   p' = p * stride + r * dilation - pad, q' likewise; outside of x counts as 0.
 *   x: N x C x H x W;  weight: K x C/groups x R x S;  bias: K;  y: N x K x P x Q,
 *   P = floor((H + 2 pad + pad_extra - dilation (R - 1) - 1) / stride) + 1, Q likewise.
 * Filters and channels are cut into `groups` equal parts, each filter sees the channels of its own.
 * Backward reads x, and y if a relu was absorbed.   Source: Chetlur et al. 2014, arXiv:1410.0759. */
#include <limits.h>

#include "base/base.h"
#include "layers/_conv.h"

static tn_conv_fields fields_of(tn_conv2d_opts *o)
{
    return (tn_conv_fields){o->filters,  o->kernel,  o->stride,  o->pad,     o->pad_extra,
                            o->dilation, &o->groups, o->no_bias, &o->weight, &o->bias};
}

static tn_status check_padding(const tn_node *n, const tn_conv2d_opts *o)
{
    for (int i = 0; i < 2; i++) {
        const int64_t after = (int64_t)o->pad[i] + o->pad_extra[i];
        if (after < 0 || after > INT_MAX)
            return tn_fail(TN_ERR_ARGUMENT, "conv2d %s: pad %d and pad_extra %d make %lld", n->name,
                           o->pad[i], o->pad_extra[i], (long long)after);
    }
    return TN_OK;
}

/* P or Q: how often the window fits. */
static tn_status count_windows(const tn_node *n, int axis, int64_t *count)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t size = n->x[0].dim[2 + axis];
    const int64_t reach = tn_reach(o->kernel, o->dilation, axis);
    const int64_t padded =
        size > INT64_MAX / 2 ? 0 : tn_padded(&n->x[0], o->pad, o->pad_extra, axis);
    if (padded < reach)
        return tn_fail(TN_ERR_SHAPE,
                       "conv2d %s: a window of %lld pixels (kernel %d, dilation %d) does not fit "
                       "into the %lld of x %s with pad %d and pad_extra %d",
                       n->name, (long long)reach, o->kernel[axis], o->dilation[axis],
                       (long long)size, tn_shape_format(&n->x[0]).text, o->pad[axis],
                       o->pad_extra[axis]);
    *count = (padded - reach) / o->stride[axis] + 1;
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_conv2d_opts *o = n->opts;
    const tn_conv_fields fields = fields_of(o);
    const tn_shape *x = &n->x[0];
    int64_t P, Q;
    TN_TRY(tn_check_input(n, 0, 4));
    TN_TRY(tn_conv_complete(n, &fields));
    TN_TRY(check_padding(n, o));
    TN_TRY(count_windows(n, 0, &P));
    TN_TRY(count_windows(n, 1, &Q));
    n->y[0] = TN_SHAPE(x->dim[0], o->filters, P, Q);
    const tn_shape weight = TN_SHAPE(o->filters, x->dim[1] / o->groups, o->kernel[0], o->kernel[1]);
    const int64_t taps = (int64_t)o->kernel[0] * o->kernel[1];
    TN_TRY(tn_conv_check(n, &weight));
    return tn_conv_params(n, &fields, &weight, weight.dim[1] * taps, o->filters / o->groups * taps);
}

/* For each element of y, fan_in multiplications and additions; and the bias. */
static double flops(const tn_node *n)
{
    const double fan_in = (double)n->param[0].fan_in;
    return (double)tn_elements(&n->y[0]) * (2 * fan_in + (n->num_params > 1));
}

static const tn_attr attrs[] = {
    {"filters", NULL, TN_ATTR_INT, offsetof(tn_conv2d_opts, filters)},
    {"kernel", "kernel_shape", TN_ATTR_INT2, offsetof(tn_conv2d_opts, kernel)},
    {"stride", "strides", TN_ATTR_INT2, offsetof(tn_conv2d_opts, stride)},
    {"pad", "pads", TN_ATTR_INT2, offsetof(tn_conv2d_opts, pad)},
    {"pad_extra", NULL, TN_ATTR_INT2, offsetof(tn_conv2d_opts, pad_extra)},
    {"dilation", "dilations", TN_ATTR_INT2, offsetof(tn_conv2d_opts, dilation)},
    {"groups", "group", TN_ATTR_INT, offsetof(tn_conv2d_opts, groups)},
    {"no_bias", NULL, TN_ATTR_BOOL, offsetof(tn_conv2d_opts, no_bias)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_conv2d_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_conv2d_opts, bias)},
    {0},
};

const tn_op tn_op_conv2d = {
    .name = "conv2d",
    .onnx = "Conv",
    .opts_size = sizeof(tn_conv2d_opts),
    .opts_needed = true,
    .attrs = attrs,
    .width = "filters",
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_conv2d(tn_graph *g, tn_value x, const tn_conv2d_opts *opts)
{
    return tn_graph_add(g, &tn_op_conv2d, opts ? opts->name : NULL, 1, &x, opts);
}
