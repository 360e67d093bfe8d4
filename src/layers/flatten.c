/*
 * flatten: N x anything becomes N x D, D the product of the rest. A view: nothing moves.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 0));
    const tn_shape *x = &n->x[0];
    if (x->ndim < 1)
        return tn_fail(TN_ERR_SHAPE, "flatten %s: x is a scalar", n->name);
    n->y[0] = TN_SHAPE(x->dim[0], tn_elements(x) / x->dim[0]);
    return TN_OK;
}

const tn_op tn_op_flatten = {
    .name = "flatten",
    .onnx = "Flatten",
    .min_in = 1,
    .max_in = 1,
    .view = true,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_flatten(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_flatten, opts ? opts->name : NULL, 1, &x, NULL);
}
