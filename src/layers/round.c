/* round: y = the whole number nearest to x, of two the even one; dx = 0.   x, y: any shape, the same. */
#include "graph/op.h"

const tn_op tn_op_round = {
    .name = "round",
    .onnx = "Round",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
};

tn_value tn_round(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_round, opts ? opts->name : NULL, 1, &x, NULL);
}
