/* dense: y[n,k] = bias[k] + sum over d of weight[k,d] * x[n,d].
 *   x: N x anything, taken as N x D;  weight: K x D;  bias: K;  y: N x K.
 * Backward reads x, and y if a relu was absorbed. */
#include <string.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_dense_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    TN_TRY(tn_check_input(n, 0, 0));
    if (x->ndim < 2)
        return tn_fail(TN_ERR_SHAPE, "dense %s: x is %s: %d dimensions, not 2 or more", n->name,
                       tn_shape_format(x).text, x->ndim);
    TN_COMPLETE(o->units, 0);
    if (o->units < 1)
        return tn_fail(TN_ERR_ARGUMENT, "dense %s: units is %d, not 1 or more", n->name, o->units);
    const int64_t N = x->dim[0], D = tn_elements(x) / N, K = o->units;
    const tn_shape weight = TN_SHAPE(K, D);
    int64_t count;
    n->y[0] = TN_SHAPE(N, K);
    if (tn_shape_count(&n->y[0], &count) != TN_OK || tn_shape_count(&weight, &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "dense %s: %s", n->name, tn_error());
    n->param[0] = (tn_param_spec){
        .name = "weight", .shape = weight, .opts = o->weight, .fan_in = D, .fan_out = K};
    n->param[1] = (tn_param_spec){.name = "bias",
                                  .shape = TN_SHAPE(K),
                                  .opts = o->bias,
                                  .fallback = {TN_INIT_CONSTANT, 0},
                                  .fan_in = D,
                                  .fan_out = K};
    n->num_params = o->no_bias ? 1 : 2;
    return TN_OK;
}

static double flops(const tn_node *n)
{
    const double D = (double)n->param[0].fan_in;
    return (double)tn_elements(&n->y[0]) * (2 * D + (n->num_params > 1));
}

static const tn_attr attrs[] = {
    {"units", NULL, TN_ATTR_INT, offsetof(tn_dense_opts, units)},
    {"no_bias", NULL, TN_ATTR_BOOL, offsetof(tn_dense_opts, no_bias)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_dense_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_dense_opts, bias)},
    {0},
};

const tn_op tn_op_dense = {
    .name = "dense",
    .onnx = "Gemm",
    .opts_size = sizeof(tn_dense_opts),
    .opts_needed = true,
    .attrs = attrs,
    .width = "units",
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_dense(tn_graph *g, tn_value x, const tn_dense_opts *opts)
{
    return tn_graph_add(g, &tn_op_dense, opts ? opts->name : NULL, 1, &x, opts);
}
