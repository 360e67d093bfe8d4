/* exp: y = exp(x);  dx = y dy.   x, y: any shape, the same.
 * Read by backward: y, so it may run in place. */
#include "graph/op.h"

const tn_op tn_op_exp = {
    .name = "exp",
    .onnx = "Exp",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_exp(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_exp, opts ? opts->name : NULL, 1, &x, NULL);
}
