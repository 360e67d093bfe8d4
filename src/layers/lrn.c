/*
 * lrn: local response normalisation across channels.
 *
 *   x, y  N x C x H x W
 *   y[n,c,h,w] = x[n,c,h,w] * u[n,c,h,w] ^ -beta
 *   u[n,c,h,w] = k + alpha / size * sum over the size channels d around c of x[n,d,h,w]^2
 *   dx[c] = dy[c] u[c]^-beta - 2 alpha beta / size * x[c] * sum over those d of dy[d] y[d] / u[d]
 *
 * Channels outside of x count as 0.   Saved for backward: x, and what the backend computed of u.
 *   Source: Krizhevsky, Sutskever, Hinton 2012, section 3.3; "/ size" is Caffe's.
 */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_lrn_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 4));
    TN_COMPLETE(o->size, 5);
    TN_COMPLETE(o->alpha, 1e-4F);
    TN_COMPLETE(o->beta, 0.75F);
    TN_COMPLETE(o->k, 1);
    if (o->size < 1 || o->size % 2 == 0)
        return tn_fail(TN_ERR_ARGUMENT, "lrn %s: size %d is not an odd number above 0", n->name,
                       o->size);
    if (!(o->alpha >= 0 && o->beta >= 0 && o->k > 0 && isfinite(o->alpha + o->beta + o->k)))
        return tn_fail(TN_ERR_ARGUMENT,
                       "lrn %s: alpha %g or beta %g is below 0, or k %g is not above 0", n->name,
                       (double)o->alpha, (double)o->beta, (double)o->k);
    n->y[0] = n->x[0];
    return TN_OK;
}

/* A square and a sum for each of the neighbours, then a scale, an offset, a power and a product. */
static double flops(const tn_node *n)
{
    const tn_lrn_opts *o = n->opts;
    return (double)tn_elements(&n->y[0]) * (2.0 * o->size + 4);
}

static const tn_attr attrs[] = {
    {"size", "size", TN_ATTR_INT, offsetof(tn_lrn_opts, size)},
    {"alpha", "alpha", TN_ATTR_FLOAT, offsetof(tn_lrn_opts, alpha)},
    {"beta", "beta", TN_ATTR_FLOAT, offsetof(tn_lrn_opts, beta)},
    {"k", "bias", TN_ATTR_FLOAT, offsetof(tn_lrn_opts, k)},
    {0},
};

const tn_op tn_op_lrn = {
    .name = "lrn",
    .onnx = "LRN",
    .opts_size = sizeof(tn_lrn_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_lrn(tn_graph *g, tn_value x, const tn_lrn_opts *opts)
{
    return tn_graph_add(g, &tn_op_lrn, opts ? opts->name : NULL, 1, &x, opts);
}
