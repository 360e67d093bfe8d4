/* add: y = a + b;  da = db = dy.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 * Saved for backward: nothing. */
#include "graph/op.h"

const tn_op tn_op_add = {
    .name = "add",
    .onnx = "Add",
    .min_in = 2,
    .max_in = 2,
    .post = TN_POST_ADD,
    .batch = TN_BATCH_SUM,
    .infer = tn_infer_broadcast,
};

tn_value tn_add(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_add, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
