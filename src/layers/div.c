/* div: y = a / b;  da = dy / b, db = -dy (a / b) / b.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 * Read by backward: a, b. */
#include "graph/op.h"

const tn_op tn_op_div = {
    .name = "div",
    .onnx = "Div",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_broadcast,
};

tn_value tn_div(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_div, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
