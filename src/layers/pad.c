/*
 * pad: y = x with elements around it.
 *
 *   CONSTANT  y[i] = x[i - before] where that is inside of x, else `value`;   dx[i] = dy[i + before]
 *   EDGE      of the first and the last element along an axis, repeated
 *   REFLECT   of what follows the first, and comes before the last, the other way round
 *
 * Only the first is an operation; the others are slices and concats, an axis after the other.
 * Saved for backward: nothing.   Source: NumPy's pad, of the same modes.
 */
#include <string.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_pad_opts *o = n->opts;
    const int ndim = n->x[0].ndim;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_list(n, "before", &o->before, 0, ndim));
    TN_TRY(tn_check_list(n, "after", &o->after, 0, ndim));
    TN_COMPLETE(o->value, 0);
    if (o->before.ndim + o->after.ndim == 0)
        return tn_fail(TN_ERR_ARGUMENT, "pad %s: neither before nor after is given", n->name);
    if (o->kind != TN_PAD_CONSTANT)
        return tn_fail(TN_ERR_ARGUMENT, "pad %s: %d is no kind", n->name, (int)o->kind);
    n->y[0] = n->x[0];
    for (int i = 0; i < ndim; i++) {
        const int64_t before = i < o->before.ndim ? o->before.dim[i] : 0;
        const int64_t after = i < o->after.ndim ? o->after.dim[i] : 0, size = n->x[0].dim[i];
        if (before < 0 || after < 0)
            return tn_fail(TN_ERR_ARGUMENT, "pad %s: %lld before and %lld after dimension %d",
                           n->name, (long long)before, (long long)after, i);
        if (before > INT64_MAX - size || after > INT64_MAX - size - before)
            return tn_fail(TN_ERR_SHAPE, "pad %s: dimension %d would be more than 2^63", n->name,
                           i);
        n->y[0].dim[i] = before + size + after;
        o->before.dim[i] = before;
    }
    o->before.ndim = ndim;
    n->y_batch[0] = n->x_batch[0];
    if (n->x_batch[0] >= 0 && n->y[0].dim[n->x_batch[0]] != n->x[0].dim[n->x_batch[0]])
        n->y_batch[0] = TN_BATCH_MIXED; /* rows of no sample */
    return TN_OK;
}

static tn_route route(const tn_node *n)
{
    const tn_pad_opts *o = n->opts;
    tn_route w = {.ndim = n->x[0].ndim, .rest = o->value};
    tn_route_strides(&n->x[0], w.from);
    tn_route_strides(&n->y[0], w.to);
    for (int i = 0; i < w.ndim; i++) {
        w.dim[i] = n->x[0].dim[i];
        w.to_at += o->before.dim[i] * w.to[i];
    }
    return w;
}

static const char *const kinds[] = {
    [TN_PAD_CONSTANT] = "constant",
    [TN_PAD_EDGE] = "edge",
    [TN_PAD_REFLECT] = "reflect",
    [TN_PAD_REFLECT + 1] = NULL,
};

static const tn_attr attrs[] = {
    {"kind", "mode", TN_ATTR_ENUM, offsetof(tn_pad_opts, kind), kinds},
    {"before", NULL, TN_ATTR_LIST, offsetof(tn_pad_opts, before)},
    {"after", NULL, TN_ATTR_LIST, offsetof(tn_pad_opts, after)},
    {"value", "value", TN_ATTR_FLOAT, offsetof(tn_pad_opts, value)},
    {0},
};

const tn_op tn_op_pad = {
    .name = "pad",
    .onnx = "Pad",
    .opts_size = sizeof(tn_pad_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .route = route,
    .infer = infer,
    .flops = tn_no_flops,
};

/* ---- edge and reflect ------------------------------------------------------------------------ */

/* What stands in front of x along an axis, or behind it: a slice, of EDGE one element as often as is asked. */
static tn_value mirror(tn_graph *g, tn_value x, const tn_pad_opts *o, int axis, int64_t size,
                       bool behind)
{
    const tn_shape *list = behind ? &o->after : &o->before;
    const int64_t count = list->dim[axis];
    tn_slice_opts part = {.begin.ndim = axis + 1, .end.ndim = axis + 1, .step.ndim = axis + 1};
    for (int i = 0; i < axis; i++) {
        part.end.dim[i] = INT64_MAX;
        part.step.dim[i] = 1;
    }
    if (o->kind == TN_PAD_EDGE) {
        part.step.dim[axis] = 1;
        part.begin.dim[axis] = behind ? size - 1 : 0;
        part.end.dim[axis] = behind ? size : 1;
        tn_broadcast_to_opts again = {0};
        tn_shape shape;
        x = tn_slice(g, x, &part);
        if (tn_value_shape(g, x, &shape) != TN_OK)
            return x; /* the graph says why */
        again.shape.ndim = shape.ndim;
        again.shape.dim[axis] = count;
        return tn_broadcast_to(g, x, &again);
    }
    part.step.dim[axis] = -1;
    part.begin.dim[axis] = behind ? size - 2 : count;
    part.end.dim[axis] = !behind ? 0 : count == size - 1 ? INT64_MIN : size - 2 - count;
    return tn_slice(g, x, &part);
}

static int64_t length(const tn_shape *list, int axis)
{
    return axis < list->ndim ? list->dim[axis] : 0;
}

/* The last axis along which there is something to do, -1: none. */
static tn_status check_mirrors(const tn_pad_opts *o, const tn_shape *x, int *last)
{
    const char *name = o->name ? o->name : "";
    *last = -1;
    if (o->before.ndim < 0 || o->before.ndim > x->ndim || o->after.ndim < 0 ||
        o->after.ndim > x->ndim)
        return tn_fail(TN_ERR_ARGUMENT, "pad %s: before and after are %d and %d numbers, x is %s",
                       name, o->before.ndim, o->after.ndim, tn_shape_format(x).text);
    for (int i = 0; i < x->ndim; i++) {
        const int64_t before = length(&o->before, i), after = length(&o->after, i);
        const int64_t most = o->kind == TN_PAD_EDGE ? INT64_MAX / 4 : x->dim[i] - 1;
        if (before < 0 || after < 0 || before > most || after > most)
            return tn_fail(TN_ERR_SHAPE,
                           "pad %s: %lld before and %lld after dimension %d, of %lld, are not from "
                           "0 to %lld",
                           name, (long long)before, (long long)after, i, (long long)x->dim[i],
                           (long long)most);
        *last = before + after > 0 ? i : *last;
    }
    return TN_OK;
}

tn_value tn_pad(tn_graph *g, tn_value x, const tn_pad_opts *opts)
{
    tn_shape shape;
    int last = -1;
    if (!opts || (opts->kind != TN_PAD_EDGE && opts->kind != TN_PAD_REFLECT) ||
        tn_graph_status(g) != TN_OK)
        return tn_graph_add(g, &tn_op_pad, opts ? opts->name : NULL, 1, &x, opts);
    tn_status status = tn_value_shape(g, x, &shape);
    if (status == TN_OK)
        status = check_mirrors(opts, &shape, &last);
    if (status != TN_OK)
        return tn_graph_refuse(g, status);
    for (int i = 0; i <= last; i++) {
        const int64_t before = length(&opts->before, i), after = length(&opts->after, i);
        tn_value part[3];
        int parts = 0;
        if (before > 0)
            part[parts++] = mirror(g, x, opts, i, shape.dim[i], false);
        part[parts++] = x;
        if (after > 0)
            part[parts++] = mirror(g, x, opts, i, shape.dim[i], true);
        if (parts > 1)
            x = tn_concat(
                g, parts, part,
                &(tn_concat_opts){.name = i == last ? opts->name : NULL, .axis = TN_EXACTLY(i)});
    }
    return x;
}
