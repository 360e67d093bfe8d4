/* relu: y = max(x, 0), NaN of NaN;  dx = dy where y > 0, else 0.   x, y: any shape, the same.
 * Backward reads y, so it may run in place.   Source: Nair and Hinton 2010. */
#include "graph/op.h"

const tn_op tn_op_relu = {
    .name = "relu",
    .onnx = "Relu",
    .min_in = 1,
    .max_in = 1,
    .monotone = true,
    .post = TN_POST_RELU,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_relu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_relu, opts ? opts->name : NULL, 1, &x, NULL);
}
