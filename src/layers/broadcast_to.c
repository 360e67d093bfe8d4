/*
 * broadcast_to: y[.., i, j] = x[i or 0, j or 0]: 0 where x has one element in that dimension.
 *
 *   x  any shape     y  a shape that ends in that of x, but for dimensions in which x is 1
 *   dx[i, j] = the sum of dy over all that it became.   Saved for backward: nothing.
 *   Source: the broadcasting rules of NumPy.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_shape *shape = &((tn_broadcast_to_opts *)n->opts)->shape;
    const tn_shape *x = &n->x[0];
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_list(n, "shape", shape, 1, TN_MAX_DIMS));
    const int ahead = shape->ndim - x->ndim;
    bool fits = ahead >= 0;
    for (int i = 0; i < shape->ndim && fits; i++) {
        if (shape->dim[i] == 0 && i >= ahead)
            shape->dim[i] = x->dim[i - ahead];
        fits = shape->dim[i] > 0 &&
               (i < ahead || x->dim[i - ahead] == 1 || x->dim[i - ahead] == shape->dim[i]);
    }
    if (!fits)
        return tn_fail(TN_ERR_SHAPE, "broadcast_to %s: %s cannot become %s", n->name,
                       tn_shape_format(x).text, tn_shape_format(shape).text);
    n->y[0] = *shape;
    n->y_batch[0] = n->x_batch[0];
    if (n->x_batch[0] >= 0)
        n->y_batch[0] = (int8_t)(ahead + n->x_batch[0]);
    if (n->x_batch[0] >= 0 && n->y[0].dim[n->y_batch[0]] != x->dim[n->x_batch[0]])
        n->y_batch[0] = TN_BATCH_MIXED; /* one row becomes many */
    return TN_OK;
}

static tn_route route(const tn_node *n)
{
    const int ahead = n->y[0].ndim - n->x[0].ndim;
    int64_t stride[TN_MAX_DIMS];
    tn_route w = {.ndim = n->y[0].ndim};
    tn_route_strides(&n->x[0], stride);
    tn_route_strides(&n->y[0], w.to);
    for (int i = 0; i < w.ndim; i++) {
        w.dim[i] = n->y[0].dim[i];
        w.from[i] = i < ahead || n->x[0].dim[i - ahead] == 1 ? 0 : stride[i - ahead];
    }
    return w;
}

static const tn_attr attrs[] = {
    {"shape", NULL, TN_ATTR_LIST, offsetof(tn_broadcast_to_opts, shape)},
    {0},
};

const tn_op tn_op_broadcast_to = {
    .name = "broadcast_to",
    .onnx = "Expand",
    .opts_size = sizeof(tn_broadcast_to_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .route = route,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_broadcast_to(tn_graph *g, tn_value x, const tn_broadcast_to_opts *opts)
{
    return tn_graph_add(g, &tn_op_broadcast_to, opts ? opts->name : NULL, 1, &x, opts);
}
