/*
 * huber: y = mean over all elements of h(x - target), of rows that hold a sample (tn_run_state.rows),
 *        h(d) = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).
 *
 *   x, target  any shape, the same.   y  a scalar.
 *   dx = min(max(x - target, -delta), delta) / elements * dy, 0 in other rows;  dtarget = -dx.
 *   Read by backward: x, target.   Source: Huber 1964, "Robust estimation of a location parameter".
 */
#include "base/base.h"
#include "layers/_pair.h"

static tn_status infer(tn_node *n)
{
    tn_huber_opts *o = n->opts;
    TN_COMPLETE(o->delta, 1);
    TN_TRY(tn_pair_check(n, "delta", o->delta));
    return tn_pair_infer(n);
}

/* A subtraction, its size, a comparison, a difference, a product and a sum. */
static double flops(const tn_node *n)
{
    return 6.0 * (double)tn_elements(&n->x[0]);
}

static const tn_attr attrs[] = {
    {"delta", NULL, TN_ATTR_FLOAT, offsetof(tn_huber_opts, delta)},
    {0},
};

const tn_op tn_op_huber = {
    .name = "huber",
    .opts_size = sizeof(tn_huber_opts),
    .attrs = attrs,
    .min_in = 2,
    .max_in = 2,
    .predicts = "",
    .batch = TN_BATCH_OVER,
    .infer = infer,
    .flops = flops,
};

tn_value tn_huber(tn_graph *g, tn_value x, tn_value target, const tn_huber_opts *opts)
{
    return tn_graph_add(g, &tn_op_huber, opts ? opts->name : NULL, 2, (tn_value[]){x, target},
                        opts);
}
