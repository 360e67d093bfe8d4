/* abs: y = |x|;  dx = dy where x > 0, -dy where x < 0, else 0.   x, y: any shape, the same.
 * Read by backward: x. */
#include "graph/op.h"

const tn_op tn_op_abs = {
    .name = "abs",
    .onnx = "Abs",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_abs(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_abs, opts ? opts->name : NULL, 1, &x, NULL);
}
