/*
 * mse: y = mean over all elements of (x - target)^2, of rows that hold a sample (tn_run_state.rows).
 *
 *   x, target  any shape, the same.   y  a scalar.
 *   dx = 2 (x - target) / elements * dy, 0 in other rows;  dtarget = -dx.   Read by backward: x, target.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_input(n, 1, 0));
    if (!tn_shape_equal(&n->x[0], &n->x[1]))
        return tn_fail(TN_ERR_SHAPE, "mse %s: x is %s, target %s: not the same shape", n->name,
                       tn_shape_format(&n->x[0]).text, tn_shape_format(&n->x[1]).text);
    n->y[0] = (tn_shape){0};
    return TN_OK;
}

/* A subtraction, a product and a sum. */
static double flops(const tn_node *n)
{
    return 3.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_mse = {
    .name = "mse",
    .min_in = 2,
    .max_in = 2,
    .batch = TN_BATCH_OVER,
    .infer = infer,
    .flops = flops,
};

tn_value tn_mse(tn_graph *g, tn_value x, tn_value target, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_mse, opts ? opts->name : NULL, 2, (tn_value[]){x, target}, NULL);
}
