/* Convolution, ConvolutionDepthwise, Deconvolution. */
#include <tenon/layers.h>

#include "caffe/import.h"

typedef struct window {
    int kernel[2], stride[2], pad[2], dilation[2];
} window;

/* A number for both directions, one for each, or the fields of height and width. */
static bool read_pair(const tn_proto *p, int number, int height, int width, int64_t fallback,
                      int out[2])
{
    int64_t both[2] = {fallback, fallback};
    const size_t count = tn_proto_ints(p, number, both, 2);
    if (count == 1)
        both[1] = both[0];
    if (height) {
        both[0] = tn_proto_int(p, height, both[0]);
        both[1] = tn_proto_int(p, width, both[1]);
    }
    for (int i = 0; i < 2; i++) {
        if (both[i] < 0 || both[i] > 65535)
            return false;
        out[i] = (int)both[i];
    }
    return count <= 2;
}

static bool read_window(const tn_proto *p, window *w)
{
    const bool good = read_pair(p, CONV_KERNEL, CONV_KERNEL_H, CONV_KERNEL_W, 0, w->kernel) &&
                      read_pair(p, CONV_STRIDE, CONV_STRIDE_H, CONV_STRIDE_W, 1, w->stride) &&
                      read_pair(p, CONV_PAD, CONV_PAD_H, CONV_PAD_W, 0, w->pad) &&
                      read_pair(p, CONV_DILATION, 0, 0, 1, w->dilation);
    return good && w->kernel[0] > 0 && w->kernel[1] > 0;
}

static tn_status add(tn_caffe *c, const tn_caffe_layer *l, bool transposed, bool depthwise)
{
    const tn_proto p = tn_caffe_param(l, LAYER_CONV);
    tn_proto weight, bias;
    tn_param_opts w_opts, b_opts;
    tn_value x;
    tn_shape shape;
    window w;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x, &shape));
    const int64_t filters = tn_proto_int(&p, CONV_FILTERS, 0);
    const int64_t groups =
        depthwise && shape.ndim > 1 ? shape.dim[1] : tn_proto_int(&p, CONV_GROUPS, 1);
    if (shape.ndim != 4 || tn_proto_int(&p, CONV_AXIS, 1) != 1)
        return tn_caffe_refuse(c, l, "convolutions are of N x C x H x W, not of %s along axis %lld",
                               tn_shape_format(&shape).text,
                               (long long)tn_proto_int(&p, CONV_AXIS, 1));
    if (!read_window(&p, &w) || filters < 1 || filters > INT32_MAX || groups < 1 ||
        groups > filters)
        return tn_caffe_refuse(c, l, "its filters, window or groups are out of range");
    (void)tn_proto_message(&p, CONV_WEIGHT_FILLER, &weight);
    (void)tn_proto_message(&p, CONV_BIAS_FILLER, &bias);
    TN_TRY(tn_caffe_param_opts(c, l, 0, &weight, &w_opts));
    TN_TRY(tn_caffe_param_opts(c, l, 1, &bias, &b_opts));
    const bool no_bias = !tn_proto_int(&p, CONV_BIAS, 1);
    const tn_conv2d_opts conv = {.name = l->name,
                                 .filters = (int)filters,
                                 .kernel = {w.kernel[0], w.kernel[1]},
                                 .stride = {w.stride[0], w.stride[1]},
                                 .pad = {w.pad[0], w.pad[1]},
                                 .dilation = {w.dilation[0], w.dilation[1]},
                                 .groups = (int)groups,
                                 .no_bias = no_bias,
                                 .weight = w_opts,
                                 .bias = b_opts};
    const tn_conv_transpose2d_opts back = {.name = l->name,
                                           .filters = (int)filters,
                                           .kernel = {w.kernel[0], w.kernel[1]},
                                           .stride = {w.stride[0], w.stride[1]},
                                           .pad = {w.pad[0], w.pad[1]},
                                           .dilation = {w.dilation[0], w.dilation[1]},
                                           .groups = (int)groups,
                                           .no_bias = no_bias,
                                           .weight = w_opts,
                                           .bias = b_opts};
    TN_TRY(tn_caffe_top(
        c, l, 0, transposed ? tn_conv_transpose2d(c->g, x, &back) : tn_conv2d(c->g, x, &conv)));
    TN_TRY(tn_caffe_take_blob(c, l, 0, l->name, "weight", TN_CAFFE_AS_IT_IS));
    return no_bias ? TN_OK : tn_caffe_take_blob(c, l, 1, l->name, "bias", TN_CAFFE_AS_IT_IS);
}

static tn_status add_conv(tn_caffe *c, const tn_caffe_layer *l)
{
    return add(c, l, false, false);
}

static tn_status add_depthwise(tn_caffe *c, const tn_caffe_layer *l)
{
    return add(c, l, false, true);
}

static tn_status add_transposed(tn_caffe *c, const tn_caffe_layer *l)
{
    return add(c, l, true, false);
}

const tn_caffe_kind tn_caffe_conv = {{{"Convolution", add_conv},
                                      {"ConvolutionDepthwise", add_depthwise},
                                      {"DepthwiseConvolution", add_depthwise},
                                      {"Deconvolution", add_transposed}}};
