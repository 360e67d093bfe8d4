/* Flatten, Reshape, Crop, Permute, ShuffleChannel, Reduction, Interp. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "caffe/import.h"

/* The only bottom, and its shape. */
static bool one(tn_caffe *c, const tn_caffe_layer *l, tn_value *x, tn_shape *shape)
{
    return tn_caffe_bottoms(c, l, 1, x, 1) && tn_value_shape(c->g, *x, shape) == TN_OK;
}

static tn_status reshape(tn_caffe *c, const tn_caffe_layer *l, tn_value x, tn_shape to)
{
    return tn_caffe_top(c, l, 0,
                        tn_reshape(c->g, x, &(tn_reshape_opts){.name = l->name, .shape = to}));
}

static tn_status add_flatten(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_FLATTEN);
    tn_shape shape, to = {0};
    tn_value x;
    if (!one(c, l, &x, &shape))
        return TN_OK;
    const int first = tn_caffe_axis(c, l, &shape, tn_proto_int(&p, FLATTEN_AXIS, 1));
    const int last =
        first < 0 ? -1 : tn_caffe_axis(c, l, &shape, tn_proto_int(&p, FLATTEN_END, -1));
    if (last < 0)
        return TN_OK;
    if (first == 1 && last == shape.ndim - 1)
        return tn_caffe_top(c, l, 0, tn_flatten(c->g, x, &(tn_layer_opts){l->name}));
    for (int i = 0; i < first; i++)
        to.dim[to.ndim++] = 0; /* as x has it */
    to.dim[to.ndim++] = -1;
    for (int i = last + 1; i < shape.ndim; i++)
        to.dim[to.ndim++] = shape.dim[i];
    return reshape(c, l, x, to);
}

/* Has it as many elements? Where not, the file's numbers are of another batch than this one. */
static bool fits(const tn_shape *from, const tn_shape *to)
{
    int64_t have, want = 1;
    bool open = false;
    if (tn_shape_count(from, &have) != TN_OK)
        return false;
    for (int i = 0; i < to->ndim; i++) {
        const int64_t dim = to->dim[i] == 0 && i < from->ndim ? from->dim[i] : to->dim[i];
        open |= dim < 0;
        if (dim == 0 || (dim > 0 && want > have / dim))
            return false;
        want *= dim > 0 ? dim : 1;
    }
    return open ? have % want == 0 : have == want;
}

/* Dimensions from `axis` on, num_axes of them, become others: 0 is the one that was there. */
static tn_status add_reshape(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_RESHAPE);
    int64_t dims[TN_MAX_DIMS];
    tn_proto given;
    tn_shape shape, to = {0};
    tn_value x;
    (void)tn_proto_message(&p, RESHAPE_SHAPE, &given);
    const size_t count = tn_proto_ints(&given, SHAPE_DIM, dims, TN_MAX_DIMS);
    if (!one(c, l, &x, &shape))
        return TN_OK;
    const int64_t axis = tn_proto_int(&p, RESHAPE_AXIS, 0),
                  first = axis < 0 ? shape.ndim + 1 + axis : axis;
    const int64_t axes = tn_proto_int(&p, RESHAPE_AXES, -1),
                  behind = axes < 0 ? shape.ndim : first + axes;
    if (first < 0 || behind > shape.ndim || behind < first || count > TN_MAX_DIMS ||
        first + (int64_t)count + shape.ndim - behind > TN_MAX_DIMS)
        return tn_caffe_refuse(c, l, "it reshapes %zu dimensions of %d at number %lld", count,
                               shape.ndim, (long long)axis);
    for (int64_t i = 0; i < first; i++)
        to.dim[to.ndim++] = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t same = first + (int64_t)i < shape.ndim ? shape.dim[first + (int64_t)i] : 0;
        /* The batch stays whatever it is: a number that is its size, or the file's, in its place, means it. */
        const bool batch = first + (int64_t)i == 0;
        to.dim[to.ndim++] = batch && (dims[i] == same || dims[i] == 0 || dims[i] == c->batch) ? 0
                            : dims[i] == 0                                                    ? same
                                           : dims[i];
    }
    for (int64_t i = behind; i < shape.ndim; i++)
        to.dim[to.ndim++] = shape.dim[i];
    if (!fits(&shape, &to))
        return tn_caffe_refuse(c, l, "%s cannot become %s: is it for one batch alone?",
                               tn_shape_format(&shape).text, tn_shape_format(&to).text);
    return reshape(c, l, x, to);
}

/* To the size of another, from an axis on. */
static tn_status add_crop(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_CROP);
    int64_t offsets[TN_MAX_DIMS] = {0};
    const size_t count = tn_proto_ints(&p, CROP_OFFSET, offsets, TN_MAX_DIMS);
    tn_value x[2];
    tn_shape shape, like;
    if (!tn_caffe_bottoms(c, l, 2, x, 2))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x[0], &shape));
    TN_TRY(tn_value_shape(c->g, x[1], &like));
    const int axis = tn_caffe_axis(c, l, &shape, tn_proto_int(&p, CROP_AXIS, 2));
    if (axis < 0)
        return TN_OK;
    if (axis == 0 || like.ndim != shape.ndim || (count > 1 && count != (size_t)(shape.ndim - axis)))
        return tn_caffe_refuse(c, l, "it crops %s to %s from dimension %d on by %zu offsets",
                               tn_shape_format(&shape).text, tn_shape_format(&like).text, axis,
                               count);
    tn_slice_opts opts = {
        .name = l->name, .begin = {.ndim = shape.ndim}, .end = {.ndim = shape.ndim}};
    for (int i = 0; i < shape.ndim; i++) {
        opts.begin.dim[i] = i < axis ? 0 : count > 1 ? offsets[i - axis] : offsets[0];
        opts.end.dim[i] = i < axis ? INT64_MAX : opts.begin.dim[i] + like.dim[i];
        if (i >= axis && opts.end.dim[i] > shape.dim[i])
            return tn_caffe_refuse(c, l, "%lld from %lld on is more than its input has (%s)",
                                   (long long)like.dim[i], (long long)opts.begin.dim[i],
                                   tn_shape_format(&shape).text);
    }
    return tn_caffe_top(c, l, 0, tn_slice(c->g, x[0], &opts));
}

static tn_status add_permute(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_PERMUTE);
    tn_shape shape, axes = {0};
    tn_value x;
    if (!one(c, l, &x, &shape))
        return TN_OK;
    const size_t count = tn_proto_ints(&p, PERMUTE_ORDER, axes.dim, TN_MAX_DIMS);
    axes.ndim = (int)count;
    for (int axis = 0; axis < shape.ndim && axes.ndim < shape.ndim;
         axis++) { /* those not named follow */
        bool named = false;
        for (int i = 0; i < axes.ndim; i++)
            named |= axes.dim[i] == axis;
        if (!named)
            axes.dim[axes.ndim++] = axis;
    }
    if (count > (size_t)shape.ndim || axes.dim[0] != 0)
        return tn_caffe_refuse(c, l, "what is imported leaves the batch where it is");
    return tn_caffe_top(c, l, 0,
                        tn_transpose(c->g, x, &(tn_transpose_opts){.name = l->name, .axes = axes}));
}

/* Channels g x k become k x g. */
static tn_status add_shuffle(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_SHUFFLE);
    const int64_t groups = tn_proto_int(&p, SHUFFLE_GROUP, 1);
    tn_shape s;
    tn_value x;
    if (!one(c, l, &x, &s))
        return TN_OK;
    if (s.ndim != 4 || groups < 1 || s.dim[1] % groups != 0)
        return tn_caffe_refuse(c, l, "%s has no %lld equal groups of channels",
                               tn_shape_format(&s).text, (long long)groups);
    x = tn_reshape(
        c->g, x,
        &(tn_reshape_opts){.name = tn_caffe_name(c, l, "apart"),
                           .shape = TN_SHAPE(0, groups, s.dim[1] / groups, s.dim[2], s.dim[3])});
    x = tn_transpose(c->g, x,
                     &(tn_transpose_opts){.name = tn_caffe_name(c, l, "turned"),
                                          .axes = TN_SHAPE(0, 2, 1, 3, 4)});
    return reshape(c, l, x, TN_SHAPE(0, s.dim[1], s.dim[2], s.dim[3]));
}

/* Over an axis and all behind it. */
static tn_status add_reduction(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_REDUCTION);
    const int64_t kind = tn_proto_int(&p, REDUCTION_KIND, REDUCTION_SUM);
    tn_shape shape;
    tn_value x;
    if (!one(c, l, &x, &shape))
        return TN_OK;
    const int axis = tn_caffe_axis(c, l, &shape, tn_proto_int(&p, REDUCTION_AXIS, 0));
    if (axis < 0)
        return TN_OK;
    tn_reduce_opts opts = {.name = l->name,
                           .kind = kind == REDUCTION_MEAN ? TN_REDUCE_MEAN : TN_REDUCE_SUM};
    for (int i = axis; i < shape.ndim; i++)
        opts.axes.dim[opts.axes.ndim++] = i;
    if (kind == REDUCTION_ASUM)
        x = tn_abs(c->g, x, &(tn_layer_opts){tn_caffe_name(c, l, "abs")});
    if (kind == REDUCTION_SUMSQ)
        x = tn_mul(c->g, x, x, &(tn_layer_opts){tn_caffe_name(c, l, "square")});
    const tn_value y = tn_reduce(c->g, x, &opts);
    return tn_caffe_top(
        c, l, 0, tn_caffe_times(c, l, "times", y, (float)tn_proto_real(&p, REDUCTION_COEFF, 1)));
}

/* DeepLab's: bilinear, corner pixels on corner pixels. */
static tn_status add_interp(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_INTERP);
    tn_shape s;
    tn_value x;
    if (!one(c, l, &x, &s))
        return TN_OK;
    int64_t height = tn_proto_int(&p, INTERP_HEIGHT, 0), width = tn_proto_int(&p, INTERP_WIDTH, 0);
    const int64_t zoom = tn_proto_int(&p, INTERP_ZOOM, 0),
                  shrink = tn_proto_int(&p, INTERP_SHRINK, 1);
    if (s.ndim != 4 || tn_proto_int(&p, INTERP_PAD_BEGIN, 0) ||
        tn_proto_int(&p, INTERP_PAD_END, 0) || shrink < 1)
        return tn_caffe_refuse(c, l, "what is imported resizes images without padding");
    if (!height)
        height = (s.dim[2] - 1) / shrink + 1, width = (s.dim[3] - 1) / shrink + 1;
    if (zoom > 1)
        height += (height - 1) * (zoom - 1), width += (width - 1) * (zoom - 1);
    if (height < 1 || width < 1 || height > 65535 || width > 65535)
        return tn_caffe_refuse(c, l, "it makes images of %lld x %lld", (long long)height,
                               (long long)width);
    return tn_caffe_top(c, l, 0,
                        tn_resize(c->g, x,
                                  &(tn_resize_opts){.name = l->name,
                                                    .kind = TN_RESIZE_LINEAR,
                                                    .size = {(int)height, (int)width},
                                                    .place = TN_RESIZE_CORNERS}));
}

const tn_caffe_kind tn_caffe_move = {{{"Flatten", add_flatten},
                                      {"Reshape", add_reshape},
                                      {"Crop", add_crop},
                                      {"Permute", add_permute},
                                      {"ShuffleChannel", add_shuffle},
                                      {"Reduction", add_reduction},
                                      {"Interp", add_interp}}};
