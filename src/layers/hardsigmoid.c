/* hardsigmoid: y = alpha x + beta, 0 where that is below 0, 1 where it is above 1;
 *   dx = alpha dy where 0 < y < 1, else 0.   x, y: any shape, the same.
 * Read by backward: y, so it may run in place. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_hardsigmoid_opts *o = n->opts;
    TN_COMPLETE(o->alpha, 0.2F);
    TN_COMPLETE(o->beta, 0.5F);
    if (!isfinite(o->alpha) || !isfinite(o->beta))
        return tn_fail(TN_ERR_ARGUMENT, "hardsigmoid %s: alpha is %g, beta %g", n->name,
                       (double)o->alpha, (double)o->beta);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_hardsigmoid_opts, alpha)},
    {"beta", "beta", TN_ATTR_FLOAT, offsetof(tn_hardsigmoid_opts, beta)},
    {0},
};

/* A product, a sum and two comparisons. */
static double flops(const tn_node *n)
{
    return 4.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_hardsigmoid = {
    .name = "hardsigmoid",
    .onnx = "HardSigmoid",
    .opts_size = sizeof(tn_hardsigmoid_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_hardsigmoid(tn_graph *g, tn_value x, const tn_hardsigmoid_opts *opts)
{
    return tn_graph_add(g, &tn_op_hardsigmoid, opts ? opts->name : NULL, 1, &x, opts);
}
