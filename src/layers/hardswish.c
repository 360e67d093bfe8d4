/* hardswish: y = x h, h = x / 6 + 1/2 where that is between 0 and 1, which it does not pass;
 *   dx = 0 where x <= -3, dy where x >= 3, else (x / 3 + 1/2) dy.   x, y: any shape, the same.
 * Read by backward: x.   Source: Howard et al. 2019, arXiv:1905.02244. */
#include "graph/op.h"

/* Two products, a sum and two comparisons. */
static double flops(const tn_node *n)
{
    return 5.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_hardswish = {
    .name = "hardswish",
    .onnx = "HardSwish",
    .post = TN_POST_EACH,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_hardswish(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_hardswish, opts ? opts->name : NULL, 1, &x, NULL);
}
