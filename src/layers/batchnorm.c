/*
 * batchnorm: y = weight[c] * z + bias[c],  z = (x - mean[c]) / sqrt(var[c] + epsilon).
 *
 *   x, y  N x C x H x W or N x C     weight, bias, running_mean, running_var  C
 *
 * Training: mean, and var = mean of (x - mean)^2, are taken over the M = N H W elements of a channel;
 *   running_mean = (1 - momentum) running_mean + momentum mean
 *   running_var  = (1 - momentum) running_var  + momentum var M / (M - 1)
 *   dbias = sum of dy;  dweight = sum of dy z
 *   dx = weight / sqrt(var + epsilon) * (dy - dbias / M - z dweight / M)
 * so M must be above 1; in a run with one element alone var is 0 and the running ones stay. N counts rows that hold
 * a sample (tn_run_state.rows): y and dx of the others are 0. Evaluation: mean and var are the running ones.
 * So they are in training, and stay, where weight and bias are both frozen; then dx = weight / sqrt(var + epsilon) dy.
 * Saved for backward: x, mean, var.   Source: Ioffe and Szegedy 2015, arXiv:1502.03167.
 */
#include <math.h>

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

static tn_param_spec statistic(const char *name, int64_t channels, float start)
{
    tn_param_spec s = parameter(name, channels, (tn_param_opts){0}, start);
    s.statistic = true;
    return s;
}

static tn_status infer(tn_node *n)
{
    tn_batchnorm_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    TN_TRY(tn_check_input(n, 0, 0));
    if (x->ndim != 4 && x->ndim != 2)
        return tn_fail(TN_ERR_SHAPE, "batchnorm %s: input 0 is %s: %d dimensions, not 4 or 2",
                       n->name, tn_shape_format(x).text, x->ndim);
    TN_COMPLETE(o->epsilon, 1e-5F);
    TN_COMPLETE(o->momentum, 0.1F);
    if (!(o->epsilon > 0 && isfinite(o->epsilon)))
        return tn_fail(TN_ERR_ARGUMENT, "batchnorm %s: epsilon %g is not above 0", n->name,
                       (double)o->epsilon);
    if (!(o->momentum >= 0 && o->momentum <= 1))
        return tn_fail(TN_ERR_ARGUMENT, "batchnorm %s: momentum %g is not in [0, 1]", n->name,
                       (double)o->momentum);
    n->y[0] = *x;
    n->num_params = 4;
    n->param[0] = parameter("weight", x->dim[1], o->weight, 1);
    n->param[1] = parameter("bias", x->dim[1], o->bias, 0);
    n->param[2] = statistic("running_mean", x->dim[1], 0);
    n->param[3] = statistic("running_var", x->dim[1], 1);
    return TN_OK;
}

static bool measures(const tn_node *n)
{
    return !tn_is_frozen(n);
}

/* In training: a sum, a difference, a square and its sum, a difference, a product and a sum. */
static double flops(const tn_node *n)
{
    return 7.0 * (double)tn_elements(&n->y[0]);
}

static const tn_attr attrs[] = {
    {"epsilon", "epsilon", TN_ATTR_FLOAT, offsetof(tn_batchnorm_opts, epsilon)},
    {"momentum", NULL, TN_ATTR_FLOAT, offsetof(tn_batchnorm_opts, momentum)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_batchnorm_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_batchnorm_opts, bias)},
    {0},
};

const tn_op tn_op_batchnorm = {
    .name = "batchnorm",
    .onnx = "BatchNormalization",
    .opts_size = sizeof(tn_batchnorm_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .measures = measures,
    .flops = flops,
};

tn_value tn_batchnorm(tn_graph *g, tn_value x, const tn_batchnorm_opts *opts)
{
    return tn_graph_add(g, &tn_op_batchnorm, opts ? opts->name : NULL, 1, &x, opts);
}
