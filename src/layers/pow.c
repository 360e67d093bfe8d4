/* pow: y = a ^ b;  da = dy b a^(b-1), 0 where b = 0;  db = dy y log(a), 0 where a = 0 <= b; as PyTorch has them.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 * Read by backward: a, b. */
#include "graph/op.h"

const tn_op tn_op_pow = {
    .name = "pow",
    .onnx = "Pow",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_broadcast,
};

tn_value tn_pow(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_pow, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
