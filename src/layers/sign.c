/* sign: y = 1 where x > 0, -1 where x < 0, else x, which is 0 or NaN; dx = 0.   x, y: any shape, the same. */
#include "graph/op.h"

const tn_op tn_op_sign = {
    .name = "sign",
    .onnx = "Sign",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_sign(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_sign, opts ? opts->name : NULL, 1, &x, NULL);
}
