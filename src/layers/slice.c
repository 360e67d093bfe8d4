/*
 * slice: y[i0, i1, ...] = x[begin0 + step0 i0, begin1 + step1 i1, ...].
 *
 *   dx = dy where an element was taken, else 0.   Saved for backward: nothing.
 *   Source of how numbers below 0 and out of range are read: NumPy, x[begin:end:step].
 */
#include <stdio.h>

#include "base/base.h"
#include "graph/op.h"

/* Counted from behind if it is below 0, and not outside of [low, high]. */
static int64_t place(int64_t at, int64_t size, int64_t low, int64_t high)
{
    if (at < 0)
        at += size;
    return at < low ? low : at > high ? high : at;
}

/* Completes begin and step of dimension i, and gives y's. */
static tn_status infer_one(tn_node *n, int i, const tn_slice_opts *given)
{
    tn_slice_opts *o = n->opts;
    const int64_t size = n->x[0].dim[i];
    const int64_t step = i < given->step.ndim ? given->step.dim[i] : 1;
    if (step == 0 || step == INT64_MIN)
        return tn_fail(TN_ERR_ARGUMENT, "slice %s: a step of %lld", n->name, (long long)step);
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    const int64_t begin = i < given->begin.ndim ? place(given->begin.dim[i], size, low, high)
                          : step > 0            ? low
                                                : high;
    const int64_t end = i < given->end.ndim ? place(given->end.dim[i], size, low, high)
                        : step > 0          ? high
                                            : low;
    const int64_t length = step > 0 ? end - begin : begin - end;
    if (length <= 0)
        return tn_fail(TN_ERR_SHAPE, "slice %s: of dimension %d of %s nothing is left", n->name, i,
                       tn_shape_format(&n->x[0]).text);
    n->y[0].dim[i] = (length - 1) / (step > 0 ? step : -step) + 1;
    o->begin.dim[i] = begin;
    o->step.dim[i] = n->y[0].dim[i] > 1 ? step : 1; /* else it may be any number */
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_slice_opts *o = n->opts;
    const tn_slice_opts given = *o;
    const int ndim = n->x[0].ndim;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_list(n, "begin", &o->begin, 0, ndim));
    TN_TRY(tn_check_list(n, "end", &o->end, 0, ndim));
    TN_TRY(tn_check_list(n, "step", &o->step, 0, ndim));
    n->y[0].ndim = o->begin.ndim = o->step.ndim = ndim;
    for (int i = 0; i < ndim; i++)
        TN_TRY(infer_one(n, i, &given));
    n->y_batch[0] = n->x_batch[0];
    if (n->x_batch[0] >= 0 && n->y[0].dim[n->x_batch[0]] != n->x[0].dim[n->x_batch[0]])
        n->y_batch[0] = TN_BATCH_MIXED; /* some of the rows */
    return TN_OK;
}

static tn_route route(const tn_node *n)
{
    const tn_slice_opts *o = n->opts;
    tn_route w = {.ndim = n->y[0].ndim};
    tn_route_strides(&n->x[0], w.from);
    tn_route_strides(&n->y[0], w.to);
    for (int i = 0; i < w.ndim; i++) {
        w.dim[i] = n->y[0].dim[i];
        w.from_at += o->begin.dim[i] * w.from[i];
        w.from[i] *= o->step.dim[i];
    }
    return w;
}

static const tn_attr attrs[] = {
    {"begin", "starts", TN_ATTR_LIST, offsetof(tn_slice_opts, begin)},
    {"end", "ends", TN_ATTR_LIST, offsetof(tn_slice_opts, end)},
    {"step", "steps", TN_ATTR_LIST, offsetof(tn_slice_opts, step)},
    {0},
};

const tn_op tn_op_slice = {
    .name = "slice",
    .onnx = "Slice",
    .opts_size = sizeof(tn_slice_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .route = route,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_slice(tn_graph *g, tn_value x, const tn_slice_opts *opts)
{
    return tn_graph_add(g, &tn_op_slice, opts ? opts->name : NULL, 1, &x, opts);
}

/* ---- split ---------------------------------------------------------------------------------- */

/* A slice of one axis: that of x from `begin` to `end`, which are out of range where the sizes are not its own. */
static tn_value take_part(tn_graph *g, tn_value x, const tn_split_opts *o, int axis, int number,
                          int64_t begin, int64_t end)
{
    char name[128];
    tn_slice_opts part = {
        .name = o->name ? name : NULL, .begin = {.ndim = axis + 1}, .end = {.ndim = axis + 1}};
    snprintf(name, sizeof name, "%.100s_%d", o->name ? o->name : "", number);
    for (int i = 0; i < axis; i++)
        part.end.dim[i] = INT64_MAX;
    part.begin.dim[axis] = begin;
    part.end.dim[axis] = end;
    return tn_slice(g, x, &part);
}

/* The axis, and how many parts; what is wrong with the options goes by the name of what they are for. */
static tn_status read_split(const tn_graph *g, tn_value x, const tn_split_opts *o, int *axis,
                            tn_shape *shape)
{
    const char *name = o && o->name ? o->name : "";
    TN_TRY(tn_value_shape(g, x, shape));
    if (!o || (o->count > 0) == (o->sizes.ndim > 0) || o->count < 0 || o->sizes.ndim < 0 ||
        o->sizes.ndim > TN_MAX_DIMS)
        return tn_fail(TN_ERR_ARGUMENT,
                       "split %s: either a count or up to %d sizes are needed, not %d and %d", name,
                       TN_MAX_DIMS, o ? o->count : 0, o ? o->sizes.ndim : 0);
    *axis = o->axis == TN_ZERO ? 0 : o->axis == 0 ? 1 : o->axis;
    *axis += *axis < 0 ? shape->ndim : 0;
    if (*axis < 0 || *axis >= shape->ndim)
        return tn_fail(TN_ERR_ARGUMENT, "split %s: x is %s, which has no axis %d", name,
                       tn_shape_format(shape).text, *axis);
    int64_t left = shape->dim[*axis];
    bool fits = o->count == 0 || left % o->count == 0;
    for (int i = 0; i < o->sizes.ndim && fits; i++) {
        fits = o->sizes.dim[i] > 0 && o->sizes.dim[i] <= left;
        left -= fits ? o->sizes.dim[i] : 0;
    }
    if (fits && (o->count > 0 || left == 0))
        return TN_OK;
    if (o->count > 0)
        return tn_fail(TN_ERR_SHAPE, "split %s: dimension %d of %s is not %d equal parts", name,
                       *axis, tn_shape_format(shape).text, o->count);
    return tn_fail(TN_ERR_SHAPE, "split %s: parts of %s are not all of dimension %d of %s", name,
                   tn_shape_format(&o->sizes).text, *axis, tn_shape_format(shape).text);
}

void tn_split(tn_graph *g, tn_value x, const tn_split_opts *opts, tn_value *out)
{
    tn_shape shape;
    int axis = 0;
    const int parts = !opts ? 0 : opts->count > 0 ? opts->count : opts->sizes.ndim;
    tn_status status =
        out ? TN_OK : tn_fail(TN_ERR_ARGUMENT, "split: the list of its parts is NULL");
    if (status == TN_OK && g) /* which the first slice says */
        status = read_split(g, x, opts, &axis, &shape);
    int64_t at = 0;
    for (int i = 0; i < parts && out && i < (opts->count > 0 ? parts : TN_MAX_DIMS); i++) {
        const int64_t size = status != TN_OK || !g ? 0
                             : opts->count == 0    ? opts->sizes.dim[i]
                                                   : shape.dim[axis] / parts;
        out[i] = status == TN_OK ? take_part(g, x, opts, axis, i, at, at + size) : (tn_value){0};
        at += size;
    }
    if (status != TN_OK)
        tn_graph_refuse(g, status);
}
