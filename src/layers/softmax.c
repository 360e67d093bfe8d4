/*
 * softmax: y[k] = exp(x[k] - m) / sum over j of exp(x[j] - m),   m = max over j of x[j],
 *          k and j along `axis`, for each place of the other dimensions.
 *
 *   x, y  any shape.   dx[k] = y[k] (dy[k] - sum over j of dy[j] y[j]).   Read by backward: y.
 *   A line along the axis with a NaN or +inf is NaN throughout.
 */
#include "layers/_softmax.h"

const tn_op tn_op_softmax = {
    .name = "softmax",
    .onnx = "Softmax",
    .opts_size = sizeof(tn_softmax_opts),
    .attrs = tn_softmax_attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = tn_softmax_infer,
    .flops = tn_softmax_flops,
};

tn_value tn_softmax(tn_graph *g, tn_value x, const tn_softmax_opts *opts)
{
    return tn_graph_add(g, &tn_op_softmax, opts ? opts->name : NULL, 1, &x, opts);
}
