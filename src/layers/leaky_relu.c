/* leaky_relu: y = x where x > 0, else slope * x;  dx = dy where x > 0, else slope * dy.
 *   x, y: any shape, the same;  slope in [0, 1).
 * Backward reads y, whose sign is that of x, so it may run in place.   Source: Maas, Hannun and Ng 2013. */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_leaky_relu_opts *o = n->opts;
    TN_COMPLETE(o->slope, 0.01F);
    if (!(o->slope >= 0 && o->slope < 1))
        return tn_fail(TN_ERR_ARGUMENT, "leaky_relu %s: slope is %g, not in [0, 1)", n->name,
                       (double)o->slope);
    n->y[0] = n->x[0];
    return tn_check_input(n, 0, 0);
}

static const tn_attr attrs[] = {
    {"slope", "alpha", TN_ATTR_FLOAT, offsetof(tn_leaky_relu_opts, slope)},
    {0},
};

const tn_op tn_op_leaky_relu = {
    .name = "leaky_relu",
    .onnx = "LeakyRelu",
    .opts_size = sizeof(tn_leaky_relu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .post = TN_POST_EACH,
    .batch = TN_BATCH_EACH,
    .infer = infer,
};

tn_value tn_leaky_relu(tn_graph *g, tn_value x, const tn_leaky_relu_opts *opts)
{
    return tn_graph_add(g, &tn_op_leaky_relu, opts ? opts->name : NULL, 1, &x, opts);
}
