/*
 * prelu: y = x where x > 0, else weight[c] x.
 *
 *   x, y  N x C x ... with channels, any shape with one weight for all     weight  C, or 1
 *   dx = dy where x > 0, else weight[c] dy;  dweight[c] = the sum of x dy over where x is not above 0.
 *
 * Read by backward: x.   Source: He, Zhang, Ren and Sun 2015, arXiv:1502.01852, which starts weights with 0.25.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    const tn_prelu_opts *o = n->opts;
    TN_TRY(tn_infer_same(n));
    if (n->x[0].ndim < 2 && !o->shared)
        return tn_fail(TN_ERR_SHAPE,
                       "prelu %s: input 0 is %s: without channels, dimension 1, it has one "
                       "weight (shared)",
                       n->name, tn_shape_format(&n->x[0]).text);
    n->num_params = 1;
    n->param[0] = (tn_param_spec){.name = "weight",
                                  .shape = TN_SHAPE(o->shared ? 1 : n->x[0].dim[1]),
                                  .opts = o->weight,
                                  .fallback = {TN_INIT_CONSTANT, 0.25F},
                                  .fan_in = 1,
                                  .fan_out = 1};
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"shared", NULL, TN_ATTR_BOOL, offsetof(tn_prelu_opts, shared)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_prelu_opts, weight)},
    {0},
};

const tn_op tn_op_prelu = {
    .name = "prelu",
    .onnx = "PRelu",
    .opts_size = sizeof(tn_prelu_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
};

tn_value tn_prelu(tn_graph *g, tn_value x, const tn_prelu_opts *opts)
{
    return tn_graph_add(g, &tn_op_prelu, opts ? opts->name : NULL, 1, &x, opts);
}
