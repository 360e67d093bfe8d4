/* log: y = log(x), -inf of 0, NaN of what is below;  dx = dy / x.   x, y: any shape, the same.
 * Read by backward: x. */
#include "graph/op.h"

const tn_op tn_op_log = {
    .name = "log",
    .onnx = "Log",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_log(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_log, opts ? opts->name : NULL, 1, &x, NULL);
}
