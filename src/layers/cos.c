/* cos: y = cos(x), x in radians;  dx = -sin(x) dy.   x, y: any shape, the same. Read by backward: x. */
#include "graph/op.h"

/* A few products. */
static double flops(const tn_node *n)
{
    return 8.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_cos = {
    .name = "cos",
    .onnx = "Cos",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_cos(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_cos, opts ? opts->name : NULL, 1, &x, NULL);
}
