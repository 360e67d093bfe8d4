/*
 * normalize: y = weight[c] z + bias[c],  z = (x - mean) / sqrt(var + epsilon).
 *
 *   x, y  N x G x C x A, as tn_norm_sizes reads a shape: N images (or rows), G groups of C channels of A elements
 *   weight, bias  G x C, and as many dimensions as they have in x (layer norm: A is 1, G is 1)
 *   mean, var = mean of (x - mean)^2 over the M = C A elements of a group of an image.
 *
 *   dbias[c] = sum over n, a of dy;  dweight[c] = sum over n, a of dy z;  with u = weight dy
 *   dx = (u - (mean of u) - z (mean of u z)) / sqrt(var + epsilon), means over the group.
 * Saved for backward: x, mean and 1 / sqrt(var + epsilon).   Sources: arXiv:1607.06450, arXiv:1607.08022,
 * arXiv:1803.08494; names as in <tenon/layers.h>.
 */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status complete(const tn_node *n, tn_normalize_opts *o)
{
    const tn_shape *x = &n->x[0];
    if (o->kind < TN_NORM_LAYER || o->kind > TN_NORM_GROUP)
        return tn_fail(TN_ERR_ARGUMENT, "normalize %s: %d is no kind of it", n->name, (int)o->kind);
    if ((o->dims && o->kind != TN_NORM_LAYER) || (o->groups && o->kind != TN_NORM_GROUP))
        return tn_fail(TN_ERR_ARGUMENT, "normalize %s: %s is %d, which this kind has not", n->name,
                       o->dims ? "dims" : "groups", o->dims ? o->dims : o->groups);
    if (o->kind == TN_NORM_LAYER)
        TN_COMPLETE(o->dims, 1);
    TN_COMPLETE(o->epsilon, 1e-5F);
    if (!(o->epsilon > 0 && isfinite(o->epsilon)))
        return tn_fail(TN_ERR_ARGUMENT, "normalize %s: epsilon %g is not above 0", n->name,
                       (double)o->epsilon);
    if (o->kind == TN_NORM_LAYER && (o->dims < 1 || o->dims >= x->ndim))
        return tn_fail(TN_ERR_SHAPE, "normalize %s: %d dimensions of x %s cannot be normalised",
                       n->name, o->dims, tn_shape_format(x).text);
    if (o->kind != TN_NORM_LAYER && x->ndim < 2)
        return tn_fail(TN_ERR_SHAPE, "normalize %s: x is %s, without channels", n->name,
                       tn_shape_format(x).text);
    if (o->kind == TN_NORM_GROUP && (o->groups < 1 || x->dim[1] % o->groups))
        return tn_fail(TN_ERR_SHAPE, "normalize %s: %d groups do not divide the channels of x %s",
                       n->name, o->groups, tn_shape_format(x).text);
    return TN_OK;
}

static tn_param_spec parameter(const char *name, const tn_shape *shape, tn_param_opts opts,
                               float start)
{
    return (tn_param_spec){.name = name,
                           .shape = *shape,
                           .opts = opts,
                           .fallback = {TN_INIT_CONSTANT, start},
                           .fan_in = 1,
                           .fan_out = 1};
}

static tn_status infer(tn_node *n)
{
    tn_normalize_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    tn_shape shape = {.ndim = 1, .dim = {x->dim[1]}};
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(complete(n, o));
    const tn_norm_sizes s = tn_norm_sizes_of(x, o);
    if (s.channels * s.area < 2)
        return tn_fail(TN_ERR_SHAPE, "normalize %s: one element of x %s at a time has no variance",
                       n->name, tn_shape_format(x).text);
    if (o->kind == TN_NORM_LAYER) {
        shape.ndim = o->dims;
        for (int i = 0; i < o->dims; i++)
            shape.dim[i] = x->dim[x->ndim - o->dims + i];
    }
    n->y[0] = *x;
    if (n->x_batch[0] >= (o->kind == TN_NORM_LAYER ? x->ndim - o->dims : 1))
        n->y_batch[0] = TN_BATCH_MIXED;
    if (!o->no_weight)
        n->param[n->num_params++] = parameter("weight", &shape, o->weight, 1);
    if (!o->no_bias)
        n->param[n->num_params++] = parameter("bias", &shape, o->bias, 0);
    return TN_OK;
}

/* A sum, a difference, a square and its sum, a difference, a product and a sum. */
static double flops(const tn_node *n)
{
    return 7.0 * (double)tn_elements(&n->y[0]);
}

static const char *const kinds[] = {"layer", "instance", "group", NULL};

static const tn_attr attrs[] = {
    {"kind", NULL, TN_ATTR_ENUM, offsetof(tn_normalize_opts, kind), kinds},
    {"dims", NULL, TN_ATTR_INT, offsetof(tn_normalize_opts, dims)},
    {"groups", "num_groups", TN_ATTR_INT, offsetof(tn_normalize_opts, groups)},
    {"epsilon", "epsilon", TN_ATTR_FLOAT, offsetof(tn_normalize_opts, epsilon)},
    {"no_weight", NULL, TN_ATTR_BOOL, offsetof(tn_normalize_opts, no_weight)},
    {"no_bias", NULL, TN_ATTR_BOOL, offsetof(tn_normalize_opts, no_bias)},
    {"weight", NULL, TN_ATTR_PARAM, offsetof(tn_normalize_opts, weight)},
    {"bias", NULL, TN_ATTR_PARAM, offsetof(tn_normalize_opts, bias)},
    {0},
};

const tn_op tn_op_normalize = {
    .name = "normalize",
    .opts_size = sizeof(tn_normalize_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .batch = TN_BATCH_EACH,
    .infer = infer,
    .flops = flops,
};

tn_value tn_normalize(tn_graph *g, tn_value x, const tn_normalize_opts *opts)
{
    return tn_graph_add(g, &tn_op_normalize, opts ? opts->name : NULL, 1, &x, opts);
}
