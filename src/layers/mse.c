/*
 * mse: y = mean over all elements of (x - target)^2, of rows that hold a sample (tn_run_state.rows).
 *
 *   x, target  any shape, the same.   y  a scalar.
 *   dx = 2 (x - target) / elements * dy, 0 in other rows;  dtarget = -dx.   Read by backward: x, target.
 */
#include "layers/_pair.h"

/* A subtraction, a product and a sum. */
static double flops(const tn_node *n)
{
    return 3.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_mse = {
    .name = "mse",
    .min_in = 2,
    .max_in = 2,
    .predicts = "",
    .batch = TN_BATCH_OVER,
    .infer = tn_pair_infer,
    .flops = flops,
};

tn_value tn_mse(tn_graph *g, tn_value x, tn_value target, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_mse, opts ? opts->name : NULL, 2, (tn_value[]){x, target}, NULL);
}
