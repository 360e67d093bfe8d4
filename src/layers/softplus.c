/* softplus: y = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|));  dx = dy / (1 + exp(-x)) = (1 - exp(-y)) dy.
 *   x, y: any shape, the same. Read by backward: y, so it may run in place.   Source: Dugas et al. 2001. */
#include "graph/op.h"

/* An exponential, a logarithm and two sums. */
static double flops(const tn_node *n)
{
    return 4.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_softplus = {
    .name = "softplus",
    .onnx = "Softplus",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_softplus(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_softplus, opts ? opts->name : NULL, 1, &x, NULL);
}
