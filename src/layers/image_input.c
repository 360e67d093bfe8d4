/* image_input: y[n,c,h,w] = (x[n,h,w,c] - mean[c]) * scale[c].
 *   x: u8, N x H x W x C, C <= 4, as a loader gives it;  y: f32, N x C x H x W.
 * Nothing is saved: bytes have no gradient. */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_image_input_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    if (n->x_dtype[0] != TN_U8)
        return tn_fail(TN_ERR_ARGUMENT, "image_input %s: x is %s, not u8", n->name,
                       tn_dtype_name(n->x_dtype[0]));
    if (x->ndim != 4)
        return tn_fail(TN_ERR_SHAPE, "image_input %s: x is %s: %d dimensions, not 4", n->name,
                       tn_shape_format(x).text, x->ndim);
    const int64_t C = x->dim[3];
    if (C > (int64_t)TN_COUNT(o->mean))
        return tn_fail(TN_ERR_SHAPE,
                       "image_input %s: x is %s: %lld channels (the last dimension), not 1 to 4",
                       n->name, tn_shape_format(x).text, (long long)C);
    for (int c = 0; c < C; c++) {
        TN_COMPLETE(o->mean[c], 0);
        TN_COMPLETE(o->scale[c], 1);
        if (!isfinite(o->mean[c]) || !isfinite(o->scale[c]))
            return tn_fail(TN_ERR_ARGUMENT, "image_input %s: channel %d has mean %g, scale %g",
                           n->name, c, (double)o->mean[c], (double)o->scale[c]);
    }
    n->y[0] = TN_SHAPE(x->dim[0], C, x->dim[1], x->dim[2]);
    return TN_OK;
}

static double flops(const tn_node *n)
{
    return 2 * (double)tn_elements(&n->y[0]);
}

static const tn_attr attrs[] = {
    {"mean", NULL, TN_ATTR_FLOAT4, offsetof(tn_image_input_opts, mean)},
    {"scale", NULL, TN_ATTR_FLOAT4, offsetof(tn_image_input_opts, scale)},
    {0},
};

const tn_op tn_op_image_input = {
    .name = "image_input",
    .opts_size = sizeof(tn_image_input_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_image_input(tn_graph *g, tn_value x, const tn_image_input_opts *opts)
{
    return tn_graph_add(g, &tn_op_image_input, opts ? opts->name : NULL, 1, &x, opts);
}
