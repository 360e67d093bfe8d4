/* celu: y = x where x > 0, else alpha (exp(x / alpha) - 1);  dx = dy where x > 0, else exp(x / alpha) dy = (y / alpha + 1) dy.
 *   x, y: any shape, the same. Read by backward: y, so it may run in place.   Source: Barron 2017, arXiv:1704.07483. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_celu_opts *o = n->opts;
    TN_COMPLETE(o->alpha, 1);
    if (!(o->alpha > 0 && isfinite(o->alpha)))
        return tn_fail(TN_ERR_ARGUMENT, "celu %s: alpha %g is not above 0", n->name,
                       (double)o->alpha);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_celu_opts, alpha)},
    {0},
};

/* A comparison, an exponential, a division and a product. */
static double flops(const tn_node *n)
{
    return 4.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_celu = {
    .name = "celu",
    .onnx = "Celu",
    .opts_size = sizeof(tn_celu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_celu(tn_graph *g, tn_value x, const tn_celu_opts *opts)
{
    return tn_graph_add(g, &tn_op_celu, opts ? opts->name : NULL, 1, &x, opts);
}
