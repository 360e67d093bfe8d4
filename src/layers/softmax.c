/*
 * softmax: y[n,k] = exp(x[n,k] - m) / sum over j of exp(x[n,j] - m),   m = max over j of x[n,j].
 *
 *   x, y  N x K.   dx[n,k] = y[n,k] (dy[n,k] - sum over j of dy[n,j] y[n,j]).   Read by backward: y.
 *   A row with a NaN or +inf is NaN throughout.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 2));
    n->y[0] = n->x[0];
    return TN_OK;
}

/* A comparison, a subtraction, an exponential, a sum and a product. */
static double flops(const tn_node *n)
{
    return 5.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_softmax = {
    .name = "softmax",
    .onnx = "Softmax",
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_softmax(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_softmax, opts ? opts->name : NULL, 1, &x, NULL);
}
