/* MaxPool and AveragePool, of images and of N x C x W as images of height 1; GlobalMaxPool and GlobalAveragePool, of any. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/ops/_window.h"

static tn_status add_pool(tn_onnx *o, const tn_onnx_node *n, tn_pool_kind kind)
{
    tn_pool2d_opts opts = {.kind = kind, .ceil = tn_onnx_int(n, "ceil_mode", 0) != 0};
    tn_onnx_window w;
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (!tn_onnx_read_window(o, n, &shape, NULL, &w))
        return TN_OK;
    if (w.same != TN_ONNX_SAID && (w.dilation[0] > 1 || w.dilation[1] > 1))
        return tn_onnx_refuse(o, n,
                              "programs differ in how dilated windows are padded to the same size");
    tn_onnx_pad_same(&w, &shape);
    for (int i = 0; i < 2; i++) {
        if (w.before[i] >= tn_onnx_reach(&w, i) || w.after[i] >= tn_onnx_reach(&w, i))
            return tn_onnx_refuse(o, n, "its pads are %d and %d, of windows of %lld", w.before[i],
                                  w.after[i], (long long)tn_onnx_reach(&w, i));
        opts.kernel[i] = w.kernel[i];
        opts.stride[i] = w.stride[i];
        opts.dilation[i] = w.dilation[i];
        opts.pad[i] = w.before[i];
        opts.pad_extra[i] = w.after[i] - w.before[i];
    }
    opts.name = w.ndim == 1 ? tn_onnx_name(o, n, "window") : n->name;
    const tn_value y = tn_pool2d(o->g, tn_onnx_as_image(o, n, &w, x), &opts);
    return tn_onnx_give(o, n, 0, tn_onnx_as_before(o, n, &w, y));
}

static tn_status add_max(tn_onnx *o, const tn_onnx_node *n)
{
    if (tn_onnx_wants(n, 1))
        return tn_onnx_refuse(o, n, "its indices are read");
    return add_pool(o, n, TN_POOL_MAX);
}

static tn_status add_average(tn_onnx *o, const tn_onnx_node *n)
{
    return add_pool(o, n, tn_onnx_int(n, "count_include_pad", 0) ? TN_POOL_MEAN_PAD : TN_POOL_MEAN);
}

/* ---- of all there is ---------------------------------------------------------------------------- */

static tn_status add_global(tn_onnx *o, const tn_onnx_node *n, tn_pool_kind kind)
{
    tn_shape shape, all_ones = TN_SHAPE(0, 0);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (shape.ndim < 3)
        return tn_onnx_refuse(o, n, "it pools %s", tn_shape_format(&shape).text);
    const bool image = shape.ndim == 4;
    x = image ? x : tn_onnx_reshape(o, n, "image", x, TN_SHAPE(0, 0, 1, -1));
    tn_value y = tn_pool2d(o->g, x,
                           &(tn_pool2d_opts){.name = image ? n->name : tn_onnx_name(o, n, "window"),
                                             .kind = kind,
                                             .global = true});
    while (all_ones.ndim < shape.ndim)
        all_ones.dim[all_ones.ndim++] = 1;
    return tn_onnx_give(
        o, n, 0,
        image ? y : tn_reshape(o->g, y, &(tn_reshape_opts){.name = n->name, .shape = all_ones}));
}

static tn_status add_global_max(tn_onnx *o, const tn_onnx_node *n)
{
    return add_global(o, n, TN_POOL_MAX);
}

static tn_status add_global_average(tn_onnx *o, const tn_onnx_node *n)
{
    return add_global(o, n, TN_POOL_MEAN);
}

const tn_onnx_ops tn_onnx_ops_pool = {{{"MaxPool", 1, add_max},
                                       {"AveragePool", 1, add_average},
                                       {"GlobalMaxPool", 1, add_global_max},
                                       {"GlobalAveragePool", 1, add_global_average}}};
