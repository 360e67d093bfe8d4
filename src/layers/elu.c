/* elu: y = x where x > 0, else alpha (exp(x) - 1);  dx = dy where x > 0, else alpha exp(x) dy = (y + alpha) dy.
 *   x, y: any shape, the same. Read by backward: y, so it may run in place.   Source: Clevert et al. 2015, arXiv:1511.07289. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_elu_opts *o = n->opts;
    TN_COMPLETE(o->alpha, 1);
    if (!(o->alpha >= 0 && isfinite(o->alpha)))
        return tn_fail(TN_ERR_ARGUMENT, "elu %s: alpha %g is not 0 or more", n->name,
                       (double)o->alpha);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_elu_opts, alpha)},
    {0},
};

/* A comparison, an exponential and a product. */
static double flops(const tn_node *n)
{
    return 3.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_elu = {
    .name = "elu",
    .onnx = "Elu",
    .opts_size = sizeof(tn_elu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_elu(tn_graph *g, tn_value x, const tn_elu_opts *opts)
{
    return tn_graph_add(g, &tn_op_elu, opts ? opts->name : NULL, 1, &x, opts);
}
