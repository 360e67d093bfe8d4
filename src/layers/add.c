/*
 * add: y = a + b.   a, b, y: any shape, the same.   da = db = dy.   Saved for backward: nothing.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_input(n, 1, 0));
    if (!tn_shape_equal(&n->x[0], &n->x[1]))
        return tn_fail(TN_ERR_SHAPE, "add %s: %s and %s are not the same shape", n->name,
                       tn_shape_format(&n->x[0]).text, tn_shape_format(&n->x[1]).text);
    n->y[0] = n->x[0];
    return TN_OK;
}

const tn_op tn_op_add = {
    .name = "add",
    .onnx = "Add",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_SUM,
    .infer = infer,
};

tn_value tn_add(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_add, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
