/* sigmoid: y = 1 / (1 + exp(-x));  dx = dy * y * (1 - y).   x, y: any shape, the same.
 * Backward reads y, so it may run in place. */
#include "graph/op.h"

const tn_op tn_op_sigmoid = {
    .name = "sigmoid",
    .onnx = "Sigmoid",
    .min_in = 1,
    .max_in = 1,
    .post = TN_POST_EACH,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_sigmoid(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_sigmoid, opts ? opts->name : NULL, 1, &x, NULL);
}
