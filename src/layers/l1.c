/*
 * l1: y = mean over all elements of |x - target|, of rows that hold a sample (tn_run_state.rows).
 *
 *   x, target  any shape, the same.   y  a scalar.
 *   dx = 1 / elements * dy where x is above target, -1 below, 0 where they are equal or in other rows;  dtarget = -dx.
 *   Read by backward: x, target.
 */
#include "layers/_pair.h"

/* A subtraction, its size and a sum. */
static double flops(const tn_node *n)
{
    return 3.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_l1 = {
    .name = "l1",
    .min_in = 2,
    .max_in = 2,
    .predicts = "",
    .batch = TN_BATCH_OVER,
    .infer = tn_pair_infer,
    .flops = flops,
};

tn_value tn_l1(tn_graph *g, tn_value x, tn_value target, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_l1, opts ? opts->name : NULL, 2, (tn_value[]){x, target}, NULL);
}
