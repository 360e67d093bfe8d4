/*
 * concat: y[n] = x0[n], x1[n], ... one after the other along an axis.
 *
 *   xi  N x Ci x ...     y  N x (C0 + C1 + ...) x ...     the other dimensions are the same
 *   dxi = the part of dy that xi became.   Saved for backward: nothing.
 */
#include <stdio.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_concat_opts *o = n->opts;
    const tn_shape *first = &n->x[0];
    int64_t length = 0;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_COMPLETE(o->axis, 1);
    TN_TRY(tn_find_axis(n, o->axis, &o->axis));
    for (int i = 0; i < n->num_in; i++) {
        const tn_shape *x = &n->x[i];
        TN_TRY(tn_check_input(n, i, 0));
        tn_shape like_first = *x;
        like_first.dim[o->axis] = first->dim[o->axis];
        if (!tn_shape_equal(&like_first, first))
            return tn_fail(TN_ERR_SHAPE,
                           "concat %s: input %d is %s, input 0 %s: they may differ in dimension %d "
                           "only",
                           n->name, i, tn_shape_format(x).text, tn_shape_format(first).text,
                           o->axis);
        if (x->dim[o->axis] > INT64_MAX - length)
            return tn_fail(TN_ERR_SHAPE, "concat %s: dimension %d would be more than 2^63", n->name,
                           o->axis);
        length += x->dim[o->axis];
    }
    n->y[0] = *first;
    n->y[0].dim[o->axis] = length;
    n->y_batch[0] = n->x_batch[0];
    for (int i = 0; i < n->num_in; i++)
        if (n->x_batch[i] != n->x_batch[0] || n->x_batch[i] == o->axis)
            n->y_batch[0] = TN_BATCH_MIXED;
    return TN_OK;
}

static bool joins(const tn_node *n)
{
    return ((const tn_concat_opts *)n->opts)->axis == 1;
}

static const tn_attr attrs[] = {
    {"axis", "axis", TN_ATTR_INT, offsetof(tn_concat_opts, axis)},
    {0},
};

const tn_op tn_op_concat = {
    .name = "concat",
    .onnx = "Concat",
    .opts_size = sizeof(tn_concat_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = TN_MAX_IN,
    .joins = joins,
    .infer = infer,
    .flops = tn_no_flops,
};

/* Of groups, each of which is joined first. */
static tn_value join_groups(tn_graph *g, int count, const tn_value *x, const tn_concat_opts *opts)
{
    char name[128];
    tn_concat_opts o = opts ? *opts : (tn_concat_opts){0}, part = o;
    tn_value group[TN_MAX_IN];
    int each = TN_MAX_IN, groups = 0;
    while ((count - 1) / each >= TN_MAX_IN)
        each *= TN_MAX_IN;
    for (int at = 0; at < count; at += each, groups++) {
        const int size = count - at < each ? count - at : each;
        snprintf(name, sizeof name, "%.100s_%d", o.name ? o.name : "", groups);
        part.name = o.name ? name : NULL;
        group[groups] = size == 1 ? x[at] : tn_concat(g, size, x + at, &part);
    }
    return tn_graph_add(g, &tn_op_concat, o.name, groups, group, &o);
}

tn_value tn_concat(tn_graph *g, int count, const tn_value *x, const tn_concat_opts *opts)
{
    if (count > TN_MAX_IN && x)
        return join_groups(g, count, x, opts);
    return tn_graph_add(g, &tn_op_concat, opts ? opts->name : NULL, count, x, opts);
}
