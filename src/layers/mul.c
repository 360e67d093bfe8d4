/* mul: y = a * b;  da = dy b, db = dy a.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 * Read by backward: a, b. */
#include "graph/op.h"

const tn_op tn_op_mul = {
    .name = "mul",
    .onnx = "Mul",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_PRODUCT,
    .infer = tn_infer_broadcast,
};

tn_value tn_mul(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_mul, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
