/*
 * scale: y = weight[c] x + bias[c].
 *
 *   x, y  N x C x ...     weight, bias  C
 *   dx = weight[c] dy;  dweight[c] = the sum of x dy;  dbias[c] = the sum of dy.   Read by backward: x.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_param_spec parameter(const char *name, int64_t channels, tn_param_opts opts, float start)
{
    return (tn_param_spec){.name = name,
                           .shape = TN_SHAPE(channels),
                           .opts = opts,
                           .fallback = {TN_INIT_CONSTANT, start},
                           .fan_in = 1,
                           .fan_out = 1};
}

static tn_status infer(tn_node *n)
{
    const tn_scale_opts *o = n->opts;
    TN_TRY(tn_infer_same(n));
    if (n->x[0].ndim < 2)
        return tn_fail(TN_ERR_SHAPE, "scale %s: input 0 is %s, without channels, dimension 1",
                       n->name, tn_shape_format(&n->x[0]).text);
    n->param[0] = parameter("weight", n->x[0].dim[1], o->weight, 1);
    n->param[1] = parameter("bias", n->x[0].dim[1], o->bias, 0);
    n->num_params = o->no_bias ? 1 : 2;
    return TN_OK;
}

/* A product and a sum. */
static double flops(const tn_node *n)
{
    return n->num_params * (double)tn_elements(&n->y[0]);
}

static const tn_attr attrs[] = {
    {"no_bias", NULL, TN_ATTR_BOOL, offsetof(tn_scale_opts, no_bias)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_scale_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_scale_opts, bias)},
    {0},
};

const tn_op tn_op_scale = {
    .name = "scale",
    .opts_size = sizeof(tn_scale_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_scale(tn_graph *g, tn_value x, const tn_scale_opts *opts)
{
    return tn_graph_add(g, &tn_op_scale, opts ? opts->name : NULL, 1, &x, opts);
}
