/*
 * transpose: y[i0, i1, ...] = x[j0, j1, ...] with j[axes[k]] = i[k].
 *
 *   x  any shape     y  its dimensions in the order `axes`     dx: dy in the order that undoes it
 *   Saved for backward: nothing.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_shape *axes = &((tn_transpose_opts *)n->opts)->axes;
    const tn_shape *x = &n->x[0];
    bool taken[TN_MAX_DIMS] = {false};
    int i = 0;
    TN_TRY(tn_check_input(n, 0, 0));
    if (axes->ndim == 0)
        for (axes->ndim = x->ndim; i < x->ndim; i++)
            axes->dim[i] = x->ndim - 1 - i;
    TN_TRY(tn_check_list(n, "axes", axes, x->ndim, x->ndim));
    n->y[0].ndim = x->ndim;
    n->y_batch[0] = n->x_batch[0];
    for (i = 0; i < x->ndim; i++) {
        int axis;
        TN_TRY(tn_find_axis(n, axes->dim[i], &axis));
        if (taken[axis])
            return tn_fail(TN_ERR_ARGUMENT, "transpose %s: axis %d is there twice", n->name, axis);
        taken[axis] = true;
        axes->dim[i] = axis;
        if (axis == n->x_batch[0])
            n->y_batch[0] = (int8_t)i;
        n->y[0].dim[i] = x->dim[axis];
    }
    return TN_OK;
}

static tn_route route(const tn_node *n)
{
    const tn_shape *axes = &((const tn_transpose_opts *)n->opts)->axes;
    int64_t stride[TN_MAX_DIMS];
    tn_route w = {.ndim = n->y[0].ndim};
    tn_route_strides(&n->x[0], stride);
    tn_route_strides(&n->y[0], w.to);
    for (int i = 0; i < w.ndim; i++) {
        w.dim[i] = n->y[0].dim[i];
        w.from[i] = stride[axes->dim[i]];
    }
    return w;
}

static const tn_attr attrs[] = {
    {"axes", "perm", TN_ATTR_LIST, offsetof(tn_transpose_opts, axes)},
    {0},
};

const tn_op tn_op_transpose = {
    .name = "transpose",
    .onnx = "Transpose",
    .opts_size = sizeof(tn_transpose_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .route = route,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_transpose(tn_graph *g, tn_value x, const tn_transpose_opts *opts)
{
    return tn_graph_add(g, &tn_op_transpose, opts ? opts->name : NULL, 1, &x, opts);
}
