/* softsign: y = x / (1 + |x|);  dx = dy / (1 + |x|)^2.   x, y: any shape, the same. Read by backward: x.
 *   Source: Bergstra et al. 2009. */
#include "graph/op.h"

/* A sum, a division and an absolute value. */
static double flops(const tn_node *n)
{
    return 3.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_softsign = {
    .name = "softsign",
    .onnx = "Softsign",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_softsign(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_softsign, opts ? opts->name : NULL, 1, &x, NULL);
}
