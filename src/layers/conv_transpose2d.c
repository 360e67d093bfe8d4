/*
 * conv_transpose2d: y[n,k,p',q'] = bias[k] + sum over c,p,q,r,s of weight[c,k,r,s] * x[n,c,p,q], over all that have
 *   p' = p * stride + r * dilation - pad, q' likewise: what a conv2d with these numbers makes of the gradient of its output.
 *   x: N x C x H x W;  weight: C x K/groups x R x S;  bias: K;  y: N x K x P x Q,
 *   P = (H - 1) stride - 2 pad + dilation (R - 1) + 1 + output_pad, Q likewise.
 * Channels and filters are cut into `groups` equal parts, each channel adds to the filters of its own.
 *   dx = conv2d(dy, weight);  dweight is conv2d's of an input dy and a gradient x;  dbias = sum of dy.
 * Backward reads x.   Source: Zeiler et al. 2010, "Deconvolutional networks"; Dumoulin and Visin 2016, arXiv:1603.07285.
 */
#include <limits.h>

#include "base/base.h"
#include "layers/_conv.h"

static tn_conv_fields fields_of(tn_conv_transpose2d_opts *o)
{
    return (tn_conv_fields){o->filters,  o->kernel,  o->stride,  o->pad,     o->output_pad,
                            o->dilation, &o->groups, o->no_bias, &o->weight, &o->bias};
}

/* P or Q. */
static tn_status find_size(const tn_node *n, int axis, int64_t *size)
{
    const tn_conv_transpose2d_opts *o = n->opts;
    const int64_t in = n->x[0].dim[2 + axis];
    const int64_t reach = tn_reach(o->kernel, o->dilation, axis);
    if (o->output_pad[axis] >= o->stride[axis] || o->output_pad[axis] < -INT_MAX / 2)
        return tn_fail(TN_ERR_ARGUMENT, "conv_transpose2d %s: output_pad %d is not below stride %d",
                       n->name, o->output_pad[axis], o->stride[axis]);
    if (in > INT_MAX)
        return tn_fail(TN_ERR_SHAPE, "conv_transpose2d %s: x %s is too large", n->name,
                       tn_shape_format(&n->x[0]).text);
    *size = (in - 1) * o->stride[axis] + reach - 2 * (int64_t)o->pad[axis] + o->output_pad[axis];
    if (*size < 1)
        return tn_fail(
            TN_ERR_SHAPE,
            "conv_transpose2d %s: x %s makes %lld pixels with kernel %d, stride %d, pad %d, "
            "dilation %d and output_pad %d",
            n->name, tn_shape_format(&n->x[0]).text, (long long)*size, o->kernel[axis],
            o->stride[axis], o->pad[axis], o->dilation[axis], o->output_pad[axis]);
    return TN_OK;
}

/* Windows that reach a pixel in one direction, the most of them: so many products of a channel it is the sum of. */
static int64_t count_taps(const tn_conv_transpose2d_opts *o, int axis)
{
    return ((int64_t)o->kernel[axis] + o->stride[axis] - 1) / o->stride[axis];
}

static tn_status infer(tn_node *n)
{
    tn_conv_transpose2d_opts *o = n->opts;
    const tn_conv_fields fields = fields_of(o);
    const tn_shape *x = &n->x[0];
    int64_t P, Q;
    TN_TRY(tn_check_input(n, 0, 4));
    TN_TRY(tn_conv_complete(n, &fields));
    if (x->dim[1] > INT_MAX)
        return tn_fail(TN_ERR_SHAPE, "conv_transpose2d %s: x %s has too many channels", n->name,
                       tn_shape_format(x).text);
    TN_TRY(find_size(n, 0, &P));
    TN_TRY(find_size(n, 1, &Q));
    n->y[0] = TN_SHAPE(x->dim[0], o->filters, P, Q);
    const tn_shape weight = TN_SHAPE(x->dim[1], o->filters / o->groups, o->kernel[0], o->kernel[1]);
    TN_TRY(tn_conv_check(n, &weight));
    return tn_conv_params(n, &fields, &weight,
                          x->dim[1] / o->groups * count_taps(o, 0) * count_taps(o, 1),
                          weight.dim[1] * o->kernel[0] * o->kernel[1]);
}

/* For each element of x, fan_out multiplications and additions; and the bias. */
static double flops(const tn_node *n)
{
    const double bias = n->num_params > 1 ? (double)tn_elements(&n->y[0]) : 0;
    return (double)tn_elements(&n->x[0]) * 2 * (double)n->param[0].fan_out + bias;
}

static const tn_attr attrs[] = {
    {"filters", NULL, TN_ATTR_INT, offsetof(tn_conv_transpose2d_opts, filters)},
    {"kernel", "kernel_shape", TN_ATTR_INT2, offsetof(tn_conv_transpose2d_opts, kernel)},
    {"stride", "strides", TN_ATTR_INT2, offsetof(tn_conv_transpose2d_opts, stride)},
    {"pad", "pads", TN_ATTR_INT2, offsetof(tn_conv_transpose2d_opts, pad)},
    {"output_pad", "output_padding", TN_ATTR_INT2, offsetof(tn_conv_transpose2d_opts, output_pad)},
    {"dilation", "dilations", TN_ATTR_INT2, offsetof(tn_conv_transpose2d_opts, dilation)},
    {"groups", "group", TN_ATTR_INT, offsetof(tn_conv_transpose2d_opts, groups)},
    {"no_bias", NULL, TN_ATTR_BOOL, offsetof(tn_conv_transpose2d_opts, no_bias)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_conv_transpose2d_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_conv_transpose2d_opts, bias)},
    {0},
};

const tn_op tn_op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .onnx = "ConvTranspose",
    .opts_size = sizeof(tn_conv_transpose2d_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_conv_transpose2d(tn_graph *g, tn_value x, const tn_conv_transpose2d_opts *opts)
{
    return tn_graph_add(g, &tn_op_conv_transpose2d, opts ? opts->name : NULL, 1, &x, opts);
}
