/* neg: y = -x;  dx = -dy.   x, y: any shape, the same. Saved for backward: nothing. */
#include "graph/op.h"

const tn_op tn_op_neg = {
    .name = "neg",
    .onnx = "Neg",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_SUM,
    .infer = tn_infer_same,
};

tn_value tn_neg(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_neg, opts ? opts->name : NULL, 1, &x, NULL);
}
