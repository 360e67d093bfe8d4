/* thresholded_relu: y = x where x > alpha, else 0;  dx = dy where x > alpha, else 0.
 *   x, y: any shape, the same. Read by backward: x.   Source: Konda et al. 2014, arXiv:1402.3337. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_thresholded_relu_opts *o = n->opts;
    TN_COMPLETE(o->alpha, 1);
    if (!isfinite(o->alpha))
        return tn_fail(TN_ERR_ARGUMENT, "thresholded_relu %s: alpha is %g", n->name,
                       (double)o->alpha);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_thresholded_relu_opts, alpha)},
    {0},
};

/* A comparison. */
static double flops(const tn_node *n)
{
    return 1.0 * (double)tn_elements(&n->x[0]);
}

const tn_op tn_op_thresholded_relu = {
    .name = "thresholded_relu",
    .onnx = "ThresholdedRelu",
    .opts_size = sizeof(tn_thresholded_relu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_thresholded_relu(tn_graph *g, tn_value x, const tn_thresholded_relu_opts *opts)
{
    return tn_graph_add(g, &tn_op_thresholded_relu, opts ? opts->name : NULL, 1, &x, opts);
}
