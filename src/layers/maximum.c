/* maximum: y = max(a, b), NaN if one is;  da = dy where a > b, db = dy where b > a, half of it each where they are equal
 *   and all of it each where one is NaN, as PyTorch has it.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 * Read by backward: a, b. */
#include "graph/op.h"

const tn_op tn_op_maximum = {
    .name = "maximum",
    .onnx = "Max",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_broadcast,
};

tn_value tn_maximum(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_maximum, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
