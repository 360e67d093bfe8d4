/* atan: y = atan(x), between -pi/2 and pi/2;  dx = dy / (1 + x^2).   x, y: any shape, the same. Read by backward: x. */
#include "graph/op.h"

/* A few products. */
static double flops(const tn_node *n)
{
    return 8.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_atan = {
    .name = "atan",
    .onnx = "Atan",
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_atan(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_atan, opts ? opts->name : NULL, 1, &x, NULL);
}
