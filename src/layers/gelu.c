/* gelu: y = x P(x), P(x) = (1 + erf(x / sqrt(2))) / 2 the normal distribution's part below x;
 *   dx = (P(x) + x exp(-x^2 / 2) / sqrt(2 pi)) dy.
 * With `tanh` P(x) = (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3), within 1e-3 of that.
 *   x, y: any shape, the same. Read by backward: x.   Source: Hendrycks and Gimpel 2016, arXiv:1606.08415. */
#include "graph/op.h"

static const tn_attr attrs[] = {
    {"tanh", NULL, TN_ATTR_BOOL, offsetof(tn_gelu_opts, tanh)},
    {0},
};

/* An error function, by a few products, and two products. */
static double flops(const tn_node *n)
{
    return 8.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_gelu = {
    .name = "gelu",
    .onnx = "Gelu",
    .opts_size = sizeof(tn_gelu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_infer_same,
    .flops = flops,
};

tn_value tn_gelu(tn_graph *g, tn_value x, const tn_gelu_opts *opts)
{
    return tn_graph_add(g, &tn_op_gelu, opts ? opts->name : NULL, 1, &x, opts);
}
