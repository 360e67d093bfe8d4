/*
 * binary_xent: y = mean over all elements of -(w t log p + (1 - t) log(1 - p)), p = 1 / (1 + exp(-x)), t = target,
 *              of rows that hold a sample (tn_run_state.rows); w = positive_weight.
 *
 *   As it is computed: (1 - t) x + (1 + (w - 1) t) s,  s = log(1 + exp(-x)) = max(-x, 0) + log(1 + exp(-|x|)).
 *   x, target  any shape, the same.   y  a scalar.
 *   dx = (1 - t - (1 + (w - 1) t) (1 - p)) / elements * dy, 0 in other rows;  dtarget = ((w - 1) s - x) / elements * dy.
 *   Read by backward: x, target.
 */
#include "base/base.h"
#include "layers/_pair.h"

static tn_status infer(tn_node *n)
{
    tn_binary_xent_opts *o = n->opts;
    TN_COMPLETE(o->positive_weight, 1);
    TN_TRY(tn_pair_check(n, "positive_weight", o->positive_weight));
    return tn_pair_infer(n);
}

/* An exponential, a logarithm, five products and sums, and one more. */
static double flops(const tn_node *n)
{
    return 8.0 * (double)tn_elements(&n->x[0]);
}

static const tn_attr attrs[] = {
    {"positive_weight", NULL, TN_ATTR_FLOAT, offsetof(tn_binary_xent_opts, positive_weight)},
    {0},
};

const tn_op tn_op_binary_xent = {
    .name = "binary_xent",
    .opts_size = sizeof(tn_binary_xent_opts),
    .attrs = attrs,
    .min_in = 2,
    .max_in = 2,
    .predicts = "sigmoid",
    .batch = TN_BATCH_OVER,
    .infer = infer,
    .flops = flops,
};

tn_value tn_binary_xent(tn_graph *g, tn_value x, tn_value target, const tn_binary_xent_opts *opts)
{
    return tn_graph_add(g, &tn_op_binary_xent, opts ? opts->name : NULL, 2, (tn_value[]){x, target},
                        opts);
}
