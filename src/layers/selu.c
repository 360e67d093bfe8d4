/* selu: y = gamma x where x > 0, else gamma alpha (exp(x) - 1);
 *   dx = gamma dy where x > 0, else gamma alpha exp(x) dy = (y + gamma alpha) dy.
 *   x, y: any shape, the same. Read by backward: y, so it may run in place.
 *   Source: Klambauer et al. 2017, arXiv:1706.02515; the defaults are ONNX's digits of its alpha and scale. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_selu_opts *o = n->opts;
    TN_COMPLETE(o->alpha, 1.67326319217681884765625F);
    TN_COMPLETE(o->gamma, 1.05070102214813232421875F);
    if (!(o->alpha >= 0 && isfinite(o->alpha)) || !(o->gamma > 0 && isfinite(o->gamma)))
        return tn_fail(TN_ERR_ARGUMENT, "selu %s: alpha %g is below 0, or gamma %g is not above it",
                       n->name, (double)o->alpha, (double)o->gamma);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_selu_opts, alpha)},
    {"gamma", "gamma", TN_ATTR_FLOAT, offsetof(tn_selu_opts, gamma)},
    {0},
};

/* A comparison, an exponential and two products. */
static double flops(const tn_node *n)
{
    return 4.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_selu = {
    .name = "selu",
    .onnx = "Selu",
    .opts_size = sizeof(tn_selu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_selu(tn_graph *g, tn_value x, const tn_selu_opts *opts)
{
    return tn_graph_add(g, &tn_op_selu, opts ? opts->name : NULL, 1, &x, opts);
}
