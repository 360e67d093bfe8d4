/* swish: y = x s, s = 1 / (1 + exp(-x));  dx = s (1 + x (1 - s)) dy.   x, y: any shape, the same.
 * Read by backward: x.   Source: Ramachandran, Zoph and Le 2017, arXiv:1710.05941 (with beta = 1); Elfwing et al. 2017
 * call it SiLU. */
#include "graph/op.h"

/* An exponential, a sum, a division and a product. */
static double flops(const tn_node *n)
{
    return 4.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_swish = {
    .name = "swish",
    .min_in = 1,
    .max_in = 1,
    .post = TN_POST_EACH,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_swish(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_swish, opts ? opts->name : NULL, 1, &x, NULL);
}
