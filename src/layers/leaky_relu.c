/* leaky_relu: y = x where x > 0, else slope * x;  dx = dy where x > 0, else slope * dy.
 *   x, y: any shape, the same;  slope in [0, 1): the node's only option, so opts is one float.
 * Backward reads y, whose sign is that of x, so it may run in place.   Source: Maas, Hannun and Ng 2013. */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    const float slope = *(const float *)n->opts;
    if (!(slope >= 0 && slope < 1))
        return tn_fail(TN_ERR_ARGUMENT, "leaky_relu %s: slope is %g, not in [0, 1)", n->name,
                       (double)slope);
    n->y[0] = n->x[0];
    return tn_check_input(n, 0, 0);
}

static const tn_attr attrs[] = {
    {"slope", "alpha", TN_ATTR_FLOAT, 0},
    {0},
};

const tn_op tn_op_leaky_relu = {
    .name = "leaky_relu",
    .onnx = "LeakyRelu",
    .opts_size = sizeof(float),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
};

tn_value tn_leaky_relu(tn_graph *g, tn_value x, float slope)
{
    return tn_graph_add(g, &tn_op_leaky_relu, NULL, 1, &x, &slope);
}
