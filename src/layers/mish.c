/* mish: y = x t, t = tanh(log(1 + exp(x)));  dx = (t + x (1 - t^2) / (1 + exp(-x))) dy.
 *   x, y: any shape, the same. Read by backward: x.   Source: Misra 2019, arXiv:1908.08681. */
#include "graph/op.h"

/* An exponential, a division and a few products and sums. */
static double flops(const tn_node *n)
{
    return 7.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_mish = {
    .name = "mish",
    .onnx = "Mish",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_mish(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_mish, opts ? opts->name : NULL, 1, &x, NULL);
}
