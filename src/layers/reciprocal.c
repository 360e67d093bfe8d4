/* reciprocal: y = 1 / x;  dx = -y^2 dy.   x, y: any shape, the same. Read by backward: y, so it may run in place. */
#include "graph/op.h"

const tn_op tn_op_reciprocal = {
    .name = "reciprocal",
    .onnx = "Reciprocal",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_reciprocal(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_reciprocal, opts ? opts->name : NULL, 1, &x, NULL);
}
