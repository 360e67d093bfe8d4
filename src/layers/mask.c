/* mask: y = a where b is not 0, else 0;  da = dy where b is not 0, else 0;  db = 0.
 *   a, b: any shapes that broadcast to y's; a gradient is the sum over what its value was taken again for.
 *   No product: where b is 0, y is 0 whatever a is, NaN and infinities too. A NaN in b is not 0.
 * Read by backward: b. */
#include "graph/op.h"

const tn_op tn_op_mask = {
    .name = "mask",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_broadcast,
};

tn_value tn_mask(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_mask, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, NULL);
}
