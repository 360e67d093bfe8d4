/* Conv: of images, and of N x C x W as images of height 1. */
#include <string.h>

#include <tenon/layers.h>

#include "onnx/known.h"

typedef struct window {
    int kernel[2], stride[2], pad[2], extra[2], dilation[2];
} window;

/* A list of one or two numbers, of the last dimensions; what is not said is `fallback`. */
static bool read_pair(tn_onnx *o, const tn_onnx_node *n, const char *attr, int ndim, int fallback,
                      int out[2])
{
    int64_t both[2];
    const size_t count = tn_onnx_ints(n, attr, both, 2);
    out[0] = out[1] = fallback;
    if (count != 0 && count != (size_t)ndim) {
        (void)tn_onnx_refuse(o, n, "%s has %zu numbers, not %d", attr, count, ndim);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (both[i] < 1 || both[i] > 65535) {
            (void)tn_onnx_refuse(o, n, "%s has a %lld", attr, (long long)both[i]);
            return false;
        }
        out[2 - ndim + (int)i] = (int)both[i];
    }
    if (ndim == 1)
        out[0] = 1;
    return true;
}

/* So that y has ceil(x / stride) elements. */
static void pad_same(const window *w, int i, int64_t size, bool lower, int *pad, int *extra)
{
    const int64_t reach = (int64_t)w->dilation[i] * (w->kernel[i] - 1) + 1;
    const int64_t count = (size + w->stride[i] - 1) / w->stride[i];
    const int64_t all = (count - 1) * w->stride[i] + reach - size;
    const int64_t whole = all > 0 ? all : 0, less = whole / 2;
    *pad = (int)(lower ? whole - less : less);
    *extra = (int)(whole - 2 * (int64_t)*pad);
}

static bool read_pads(tn_onnx *o, const tn_onnx_node *n, int ndim, const tn_shape *x, window *w)
{
    const bool upper = tn_onnx_is(n, "auto_pad", "SAME_UPPER");
    const bool lower = tn_onnx_is(n, "auto_pad", "SAME_LOWER");
    int64_t pads[4] = {0};
    const size_t count = tn_onnx_ints(n, "pads", pads, 4);
    if (count != 0 && count != 2 * (size_t)ndim) {
        (void)tn_onnx_refuse(o, n, "pads has %zu numbers, not %d", count, 2 * ndim);
        return false;
    }
    for (int i = 0; i < ndim; i++) {
        const int at = 2 - ndim + i;
        if (upper || lower) {
            pad_same(w, at, x->dim[2 + i], lower, &w->pad[at], &w->extra[at]);
            continue;
        }
        if (pads[i] < 0 || pads[i] > 65535 || pads[i + ndim] < 0 || pads[i + ndim] > 65535) {
            (void)tn_onnx_refuse(o, n, "pads has %lld and %lld", (long long)pads[i],
                                 (long long)pads[i + ndim]);
            return false;
        }
        w->pad[at] = (int)pads[i];
        w->extra[at] = (int)(pads[i + ndim] - pads[i]);
    }
    return true;
}

static bool read_window(tn_onnx *o, const tn_onnx_node *n, int ndim, const tn_shape *x,
                        const tn_shape *weight, window *w)
{
    *w = (window){.kernel = {1, 1}};
    for (int i = 0; i < ndim; i++)
        w->kernel[2 - ndim + i] = (int)weight->dim[2 + i];
    return read_pair(o, n, "strides", ndim, 1, w->stride) &&
           read_pair(o, n, "dilations", ndim, 1, w->dilation) && read_pads(o, n, ndim, x, w);
}

static tn_status add_conv(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_known *weight = tn_onnx_given(n, 1);
    const int64_t groups = tn_onnx_int(n, "group", 1);
    tn_conv2d_opts opts = {.name = n->name, .no_bias = !tn_onnx_has(n, 2)};
    tn_shape shape;
    window w;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!weight)
        return tn_onnx_refuse(o, n, "its weights are not known before the model runs");
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const int ndim = shape.ndim - 2;
    if (ndim < 1 || ndim > 2 || weight->shape.ndim != shape.ndim || groups < 1 ||
        groups > shape.dim[1] || weight->shape.dim[0] > INT32_MAX)
        return tn_onnx_refuse(o, n,
                              "convolutions are of N x C x H x W or N x C x W, not of %s by %s",
                              tn_shape_format(&shape).text, tn_shape_format(&weight->shape).text);
    if (!read_window(o, n, ndim, &shape, &weight->shape, &w))
        return TN_OK;
    tn_shape own = weight->shape;
    if (ndim == 1) {
        own = TN_SHAPE(own.dim[0], own.dim[1], 1, own.dim[2]);
        x = tn_onnx_reshape(o, n, "image", x, TN_SHAPE(0, 0, 1, -1));
    }
    if (!tn_onnx_param(o, n, 1, &own, &opts.weight.value) ||
        (!opts.no_bias && !tn_onnx_param(o, n, 2, NULL, &opts.bias.value)))
        return TN_OK;
    opts.filters = (int)own.dim[0];
    opts.groups = (int)groups;
    memcpy(opts.kernel, w.kernel, sizeof w.kernel);
    memcpy(opts.stride, w.stride, sizeof w.stride);
    memcpy(opts.pad, w.pad, sizeof w.pad);
    memcpy(opts.pad_extra, w.extra, sizeof w.extra);
    memcpy(opts.dilation, w.dilation, sizeof w.dilation);
    const tn_value y = tn_conv2d(o->g, x, &opts);
    return tn_onnx_give(o, n, 0,
                        ndim == 1 ? tn_onnx_reshape(o, n, "line", y, TN_SHAPE(0, 0, -1)) : y);
}

const tn_onnx_ops tn_onnx_ops_conv = {{{"Conv", 1, add_conv}}};
