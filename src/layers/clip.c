/* clip: y = min where x < min, max where x > max, else x, a NaN too;  dx = dy where min < x < max, else 0.
 *   x, y: any shape, the same. Read by backward: x or y. */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_clip_opts *o = n->opts;
    if (o->max == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "clip %s: max is not given; TN_ZERO says 0, INFINITY that there is none",
                       n->name);
    TN_COMPLETE(o->min, 0);
    TN_COMPLETE(o->max, 0);
    if (!(o->min <= o->max))
        return tn_fail(TN_ERR_ARGUMENT, "clip %s: min %g is not below max %g", n->name,
                       (double)o->min, (double)o->max);
    return tn_infer_same(n);
}

static const tn_attr attrs[] = {
    {"min", "min", TN_ATTR_FLOAT, offsetof(tn_clip_opts, min)},
    {"max", "max", TN_ATTR_FLOAT, offsetof(tn_clip_opts, max)},
    {0},
};

const tn_op tn_op_clip = {
    .name = "clip",
    .onnx = "Clip",
    .opts_size = sizeof(tn_clip_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .monotone = true,
    .post = TN_POST_EACH,
    .batch = TN_BATCH_EACH,
    .infer = infer,
};

tn_value tn_clip(tn_graph *g, tn_value x, const tn_clip_opts *opts)
{
    return tn_graph_add(g, &tn_op_clip, opts ? opts->name : NULL, 1, &x, opts);
}
