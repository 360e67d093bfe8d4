/* Convolutions, pooling and images of another size. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/export.h"

/* Above and left, then below and right. */
static void put_pads(tn_onnx_out *e, const int pad[2], const int extra[2], const int less[2])
{
    const int64_t pads[] = {pad[0], pad[1], (int64_t)pad[0] + extra[0] - less[0],
                            (int64_t)pad[1] + extra[1] - less[1]};
    tn_onnx_put_ints(e, "pads", pads, 4);
}

static const int none[2];

static void write_conv(tn_onnx_out *e, const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    TN_ONNX_NODE(e, "Conv", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0),
                 tn_onnx_weight_name(e, n, 0, NULL),
                 n->num_params > 1 ? tn_onnx_weight_name(e, n, 1, NULL) : "");
    tn_onnx_put_pair(e, "kernel_shape", o->kernel);
    tn_onnx_put_pair(e, "strides", o->stride);
    tn_onnx_put_pair(e, "dilations", o->dilation);
    put_pads(e, o->pad, o->pad_extra, none);
    tn_onnx_put_int(e, "group", o->groups);
    tn_onnx_end(e);
}

/* Fewer rows than the stride leaves are cut off as a pad, which is what one does there. */
static void write_conv_transpose(tn_onnx_out *e, const tn_node *n)
{
    const tn_conv_transpose2d_opts *o = n->opts;
    int more[2], less[2];
    for (int i = 0; i < 2; i++) {
        more[i] = o->output_pad[i] > 0 ? o->output_pad[i] : 0;
        less[i] = o->output_pad[i] < 0 ? o->output_pad[i] : 0;
    }
    TN_ONNX_NODE(e, "ConvTranspose", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0),
                 tn_onnx_weight_name(e, n, 0, NULL),
                 n->num_params > 1 ? tn_onnx_weight_name(e, n, 1, NULL) : "");
    tn_onnx_put_pair(e, "kernel_shape", o->kernel);
    tn_onnx_put_pair(e, "strides", o->stride);
    tn_onnx_put_pair(e, "dilations", o->dilation);
    put_pads(e, o->pad, none, less);
    tn_onnx_put_pair(e, "output_padding", more);
    tn_onnx_put_int(e, "group", o->groups);
    tn_onnx_end(e);
}

/* How many rows y's last window reaches past the padding: which only a number that was rounded up makes above 0. One that
 * would begin past the image is dropped, which readers of ceil_mode do not agree about. */
static int past(const tn_node *n, int i, bool *dropped)
{
    const tn_pool2d_opts *o = n->opts;
    const int64_t spans = (int64_t)o->dilation[i] * (o->kernel[i] - 1) + 1;
    const int64_t room = tn_padded(&n->x[0], o->pad, o->pad_extra, i) - spans;
    const int64_t last = (n->y[0].dim[2 + i] - 1) * o->stride[i];
    *dropped |= o->ceil && last < room;
    return last > room ? (int)(last - room) : 0;
}

static void write_pool(tn_onnx_out *e, const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    const bool max = o->kind == TN_POOL_MAX;
    bool dropped = false;
    const int more[] = {past(n, 0, &dropped), past(n, 1, &dropped)};
    const bool up = more[0] || more[1], pads = up && dropped;
    if (o->global) {
        TN_ONNX_PLAIN(e, max ? "GlobalMaxPool" : "GlobalAveragePool", tn_onnx_y_name(e, n),
                      tn_onnx_x_name(e, n, 0));
        return;
    }
    if (!max && (o->dilation[0] > 1 || o->dilation[1] > 1)) {
        tn_onnx_cannot(e, n, "means over taps that lie apart are of a later opset than %d",
                       e->opset);
        return;
    }
    if (pads && o->kind == TN_POOL_MEAN_PAD) {
        tn_onnx_cannot(
            e, n,
            "in one direction the number of windows is rounded up, in the other one is dropped");
        return;
    }
    const int extra[] = {o->pad_extra[0] + pads * more[0], o->pad_extra[1] + pads * more[1]};
    TN_ONNX_NODE(e, max ? "MaxPool" : "AveragePool", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0));
    tn_onnx_put_pair(e, "kernel_shape", o->kernel);
    tn_onnx_put_pair(e, "strides", o->stride);
    put_pads(e, o->pad, extra, none);
    tn_onnx_put_int(e, "ceil_mode", up && !pads);
    if (max)
        tn_onnx_put_pair(e, "dilations", o->dilation);
    else
        tn_onnx_put_int(e, "count_include_pad", o->kind == TN_POOL_MEAN_PAD);
    tn_onnx_end(e);
}

/* ---- images of another size ------------------------------------------------------------------- */

/* The sizes are those of x in front, whatever they are, and of the image. */
static const char *sizes_of(tn_onnx_out *e, const tn_node *n)
{
    const char *x = tn_onnx_x_name(e, n, 0), *front = tn_onnx_part_name(e, n, "front"),
               *sizes = tn_onnx_part_name(e, n, "sizes"),
               *image = tn_onnx_list_name(e, n, "image", &n->y[0].dim[2], 2);
    TN_ONNX_NODE(e, "Shape", front, x);
    tn_onnx_put_int(e, "start", 0);
    tn_onnx_put_int(e, "end", 2);
    tn_onnx_end(e);
    TN_ONNX_NODE(e, "Concat", sizes, front, image);
    tn_onnx_put_int(e, "axis", 0);
    tn_onnx_end(e);
    return sizes;
}

/* Scales of its own: do they say the size as well? */
static bool scales_say_size(const tn_node *n)
{
    const tn_resize_opts *o = n->opts;
    const float scale[] = {o->row_scale, o->column_scale};
    for (int i = 0; i < 2; i++)
        if (n->y[0].dim[2 + i] != (int64_t)((float)n->x[0].dim[2 + i] * scale[i]))
            return false;
    return true;
}

static void write_resize(tn_onnx_out *e, const tn_node *n)
{
    static const char *const places[] = {[TN_RESIZE_MIDDLES] = "half_pixel",
                                         [TN_RESIZE_CORNERS] = "align_corners",
                                         [TN_RESIZE_EDGES] = "asymmetric"};
    static const char *const rounds[] = {[TN_RESIZE_HALF_UP] = "round_prefer_ceil",
                                         [TN_RESIZE_HALF_DOWN] = "round_prefer_floor",
                                         [TN_RESIZE_FLOOR] = "floor",
                                         [TN_RESIZE_CEIL] = "ceil"};
    const tn_resize_opts *o = n->opts;
    const bool nearest = o->kind == TN_RESIZE_NEAREST, scaled = o->row_scale || o->column_scale;
    const float scale[] = {1, 1, o->row_scale, o->column_scale};
    if ((size_t)o->place >= TN_COUNT(places) || (scaled && !scales_say_size(n))) {
        tn_onnx_cannot(e, n, "where its pixels lie no operator of opset %d can say", e->opset);
        return;
    }
    const char *scales =
                   scaled ? tn_onnx_floats_name(e, n, "scales", &(tn_shape){1, {4}}, scale) : "",
               *sizes = scaled ? "" : sizes_of(e, n);
    TN_ONNX_NODE(e, "Resize", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), "", scales, sizes);
    tn_onnx_put_text(e, "mode", nearest ? "nearest" : "linear");
    tn_onnx_put_text(e, "coordinate_transformation_mode", places[o->place]);
    if (nearest)
        tn_onnx_put_text(e, "nearest_mode", rounds[o->round]);
    tn_onnx_end(e);
}

const tn_onnx_writers tn_onnx_writers_window = {{{"conv2d", 0, write_conv},
                                                 {"conv_transpose2d", 0, write_conv_transpose},
                                                 {"pool2d", 0, write_pool},
                                                 {"resize", 0, write_resize}}};
