/* Conv and ConvTranspose: of images, and of N x C x W as images of height 1. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/ops/_window.h"

/* The shape of input 1, known or computed; false: refused. */
static bool read_weight_shape(tn_onnx *o, const tn_onnx_node *n, tn_shape *out)
{
    const tn_onnx_known *k = tn_onnx_given(n, 1);
    tn_value v;
    if (k)
        *out = k->shape;
    return k || (tn_onnx_x(o, n, 1, &v) && tn_value_shape(o->g, v, out) == TN_OK);
}

/* Input i as a parameter of that shape: numbers of the file, or what is computed of such. False: refused. */
static bool read_param(tn_onnx *o, const tn_onnx_node *n, int i, const tn_shape *shape,
                       tn_value *out)
{
    if (tn_onnx_given(n, i))
        return tn_onnx_param(o, n, i, shape, out);
    if (!tn_onnx_x(o, n, i, out))
        return false;
    if (tn_value_batch(o->g, *out) != TN_BATCH_NONE) {
        (void)tn_onnx_refuse(o, n, "its weights are not known before the model runs");
        return false;
    }
    *out = tn_onnx_reshape(o, n, "weights", *out, *shape);
    return true;
}

/* Weights, and the bias if there is one. */
static bool read_params(tn_onnx *o, const tn_onnx_node *n, const tn_shape *shape, int64_t filters,
                        tn_value *weight, tn_value *bias)
{
    const tn_shape vector = TN_SHAPE(filters);
    return read_param(o, n, 1, shape, weight) &&
           (!tn_onnx_has(n, 2) || read_param(o, n, 2, &vector, bias));
}

/* x, the shape of the weights, and their window; false: refused. */
static bool read_inputs(tn_onnx *o, const tn_onnx_node *n, tn_value *x, tn_shape *shape,
                        tn_shape *weight, tn_onnx_window *w)
{
    if (!tn_onnx_x(o, n, 0, x) || tn_value_shape(o->g, *x, shape) != TN_OK ||
        !read_weight_shape(o, n, weight) || !tn_onnx_read_window(o, n, shape, weight, w))
        return false;
    if (w->ndim == 1)
        *weight = TN_SHAPE(weight->dim[0], weight->dim[1], 1, weight->dim[2]);
    const int64_t groups = tn_onnx_int(n, "group", 1);
    if (groups >= 1 && groups <= shape->dim[1] && weight->dim[0] <= INT32_MAX &&
        weight->dim[1] <= INT32_MAX / groups)
        return true;
    (void)tn_onnx_refuse(o, n, "its weights are %s in %lld groups, of x %s",
                         tn_shape_format(weight).text, (long long)groups,
                         tn_shape_format(shape).text);
    return false;
}

static tn_status add_conv(tn_onnx *o, const tn_onnx_node *n)
{
    tn_conv2d_opts opts = {.no_bias = !tn_onnx_has(n, 2)};
    tn_shape shape, weight;
    tn_onnx_window w;
    tn_value x;
    if (!read_inputs(o, n, &x, &shape, &weight, &w))
        return TN_OK;
    tn_onnx_pad_same(&w, &shape);
    x = tn_onnx_as_image(o, n, &w, x);
    if (!read_params(o, n, &weight, weight.dim[0], &opts.weight.value, &opts.bias.value))
        return TN_OK;
    opts.name = w.ndim == 1 ? tn_onnx_name(o, n, "window") : n->name;
    opts.filters = (int)weight.dim[0];
    opts.groups = (int)tn_onnx_int(n, "group", 1);
    for (int i = 0; i < 2; i++) {
        opts.kernel[i] = w.kernel[i];
        opts.stride[i] = w.stride[i];
        opts.dilation[i] = w.dilation[i];
        opts.pad[i] = w.before[i];
        opts.pad_extra[i] = w.after[i] - w.before[i];
    }
    return tn_onnx_give(o, n, 0, tn_onnx_as_before(o, n, &w, tn_conv2d(o->g, x, &opts)));
}

/* ---- ConvTranspose ---------------------------------------------------------------------------- */

/* Of each direction: so many rows of all that windows reach are cut off before and after, and so many are added behind. */
typedef struct rows {
    int64_t before, after, more;
} rows;

static bool read_sizes(tn_onnx *o, const tn_onnx_node *n, int ndim, int64_t out[2], bool *said)
{
    int64_t all[TN_MAX_DIMS];
    const size_t count = tn_onnx_ints(n, "output_shape", all, TN_MAX_DIMS);
    *said = count > 0;
    if (count != 0 && count != (size_t)ndim && count != (size_t)ndim + 2) {
        (void)tn_onnx_refuse(o, n, "output_shape has %zu numbers, not %d", count, ndim);
        return false;
    }
    out[0] = 1;
    for (int i = 0; i < ndim && *said; i++) {
        out[2 - ndim + i] = all[count - (size_t)ndim + (size_t)i];
        if (all[count - (size_t)ndim + (size_t)i] > INT32_MAX) {
            (void)tn_onnx_refuse(o, n, "its output_shape is too large");
            return false;
        }
    }
    return true;
}

/* Rows of both directions. Where a size is said, or `same` says stride times x's, what is too much is cut off on both
 * sides, an odd one in front, and where it is SAME_UPPER at the end. */
static bool read_rows(tn_onnx *o, const tn_onnx_node *n, const tn_shape *x, const tn_onnx_window *w,
                      rows out[2])
{
    const bool at_end = w->same == TN_ONNX_SAME_UPPER;
    int more[2];
    int64_t size[2];
    bool said;
    if (!tn_onnx_read_pair(o, n, "output_padding", w->ndim, 0, 0, more) ||
        !read_sizes(o, n, w->ndim, size, &said))
        return false;
    for (int i = 0; i < 2; i++) {
        const int64_t in = tn_onnx_size(w, x, i);
        const int64_t all = (in - 1) * w->stride[i] + tn_onnx_reach(w, i) + more[i];
        out[i] = (rows){w->before[i], w->after[i], more[i]};
        if (!said && w->same == TN_ONNX_SAID)
            continue;
        const int64_t cut = all - (said ? size[i] : in * w->stride[i]), less = cut / 2;
        if (cut < 0 && !said) {
            (void)tn_onnx_refuse(o, n,
                                 "programs differ in what the same size is where windows of %lld "
                                 "are less than the stride, %d",
                                 (long long)tn_onnx_reach(w, i), w->stride[i]);
            return false;
        }
        if (cut < 0)
            out[i] = (rows){0, 0, more[i] - cut};
        else
            out[i] = (rows){at_end ? less : cut - less, at_end ? cut - less : less, more[i]};
    }
    return true;
}

/* As the layer has it: it cuts off as much on both sides, and may add less than a stride. What is left is a slice's. */
static bool tell_rows(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_window *w, const rows all[2],
                      tn_conv_transpose2d_opts *opts, tn_shape *begin)
{
    for (int i = 0; i < 2; i++) {
        const rows *r = &all[i];
        int64_t pad = r->before, more = r->more + r->before - r->after;
        if (more >= w->stride[i] && r->before > r->after) {
            pad = r->after;
            more = r->more;
            begin->ndim = 4;
            begin->dim[2 + i] = r->before - r->after;
        }
        if (pad > TN_ONNX_MOST_REACH || more < -TN_ONNX_MOST_REACH) {
            (void)tn_onnx_refuse(o, n, "%lld rows or columns are cut off", (long long)pad);
            return false;
        }
        if (more >= w->stride[i]) {
            (void)tn_onnx_refuse(o, n, "%lld rows or columns are added, not less than the stride",
                                 (long long)more);
            return false;
        }
        opts->pad[i] = (int)pad;
        opts->output_pad[i] = (int)more;
    }
    return true;
}

static tn_status add_conv_transpose(tn_onnx *o, const tn_onnx_node *n)
{
    tn_conv_transpose2d_opts opts = {.no_bias = !tn_onnx_has(n, 2)};
    tn_shape shape, weight, begin = {0};
    tn_onnx_window w;
    rows all[2];
    tn_value x;
    if (!read_inputs(o, n, &x, &shape, &weight, &w) || !read_rows(o, n, &shape, &w, all) ||
        !tell_rows(o, n, &w, all, &opts, &begin))
        return TN_OK;
    x = tn_onnx_as_image(o, n, &w, x);
    if (!read_params(o, n, &weight, weight.dim[1] * tn_onnx_int(n, "group", 1), &opts.weight.value,
                     &opts.bias.value))
        return TN_OK;
    opts.name = w.ndim == 1 || begin.ndim ? tn_onnx_name(o, n, "window") : n->name;
    opts.groups = (int)tn_onnx_int(n, "group", 1);
    opts.filters = (int)weight.dim[1] * opts.groups;
    memcpy(opts.kernel, w.kernel, sizeof w.kernel);
    memcpy(opts.stride, w.stride, sizeof w.stride);
    memcpy(opts.dilation, w.dilation, sizeof w.dilation);
    tn_value y = tn_conv_transpose2d(o->g, x, &opts);
    if (begin.ndim)
        y = tn_slice(o->g, y,
                     &(tn_slice_opts){.name = w.ndim == 1 ? tn_onnx_name(o, n, "cut") : n->name,
                                      .begin = begin});
    return tn_onnx_give(o, n, 0, tn_onnx_as_before(o, n, &w, y));
}

const tn_onnx_ops tn_onnx_ops_conv = {
    {{"Conv", 1, add_conv}, {"ConvTranspose", 1, add_conv_transpose}}};
