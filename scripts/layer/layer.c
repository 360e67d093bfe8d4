/*
 * NAME: y = scale * x.
 *
 *   x, y  any shape, the same.   dx = scale * dy.   Saved for backward: nothing.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_NAME_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_COMPLETE(o->scale, 1);
    if (!(o->scale >= 0))
        return tn_fail(TN_ERR_ARGUMENT, "NAME %s: scale %g is below 0", n->name, (double)o->scale);
    n->y[0] = n->x[0];
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"scale", NULL, TN_ATTR_FLOAT, offsetof(tn_NAME_opts, scale)},
    {0},
};

const tn_op tn_op_NAME = {
    .name = "NAME",
    .opts_size = sizeof(tn_NAME_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
};

tn_value tn_NAME(tn_graph *g, tn_value x, const tn_NAME_opts *opts)
{
    return tn_graph_add(g, &tn_op_NAME, opts ? opts->name : NULL, 1, &x, opts);
}
