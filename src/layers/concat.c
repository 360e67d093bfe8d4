/*
 * concat: y[n] = x0[n], x1[n], ... one after the other along dimension 1.
 *
 *   xi  N x Ci x ...     y  N x (C0 + C1 + ...) x ...     the other dimensions are the same
 *   dxi = the part of dy that xi became.   Saved for backward: nothing.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    const tn_shape *first = &n->x[0];
    int64_t channels = 0;
    for (int i = 0; i < n->num_in; i++) {
        const tn_shape *x = &n->x[i];
        TN_TRY(tn_check_input(n, i, 0));
        if (x->ndim < 2)
            return tn_fail(TN_ERR_SHAPE, "concat %s: input %d has %d dimensions, not 2 or more",
                           n->name, i, x->ndim);
        tn_shape like_first = *x;
        like_first.dim[1] = first->dim[1];
        if (!tn_shape_equal(&like_first, first))
            return tn_fail(TN_ERR_SHAPE,
                           "concat %s: input %d is %s, input 0 %s: they may differ in dimension 1 "
                           "only",
                           n->name, i, tn_shape_format(x).text, tn_shape_format(first).text);
        if (x->dim[1] > INT64_MAX - channels)
            return tn_fail(TN_ERR_SHAPE, "concat %s: more than 2^63 channels", n->name);
        channels += x->dim[1];
    }
    n->y[0] = *first;
    n->y[0].dim[1] = channels;
    return TN_OK;
}

static double flops(const tn_node *n)
{
    (void)n;
    return 0;
}

const tn_op tn_op_concat = {
    .name = "concat",
    .onnx = "Concat",
    .min_in = 1,
    .max_in = TN_MAX_IN,
    .joins = true,
    .infer = infer,
    .flops = flops,
};

tn_value tn_concat(tn_graph *g, int count, const tn_value *x, const tn_layer_opts *opts)
{
    return tn_graph_add(g, &tn_op_concat, opts ? opts->name : NULL, count, x, NULL);
}
