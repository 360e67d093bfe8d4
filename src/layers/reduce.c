/*
 * reduce: y = the mean, sum, maximum or minimum of x over some axes.
 *
 *   MEAN     dx = dy / count          count: elements of x for each of y
 *   SUM      dx = dy
 *   MAX, MIN dx = dy / k where x is y, else 0;  k elements of x are. A NaN is y, and is said to be all that are NaN.
 *
 * Over the batch count and sums are of rows that hold a sample (tn_run_state.rows); in others dx is 0. Of none y is 0.
 * Read by backward: MAX and MIN x, y.   Source of the rule of equals: PyTorch's amax().
 */
#include "base/base.h"
#include "graph/op.h"

/* Of sums only a mean is one of the whole batch's, too, if it is made of those of its shares. */
static int8_t over_batch(tn_reduce_kind kind)
{
    return kind == TN_REDUCE_MEAN ? TN_BATCH_MEAN : TN_BATCH_MIXED;
}

/* Rows are known as dimension 0; else what only fills the batch up would count. */
static tn_status check_rows(const tn_node *n, const bool *over, bool all)
{
    const int batch = n->x_batch[0];
    if (batch <= 0 || !(all || over[batch]))
        return TN_OK;
    return tn_fail(
        TN_ERR_SHAPE,
        "reduce %s: the batch of x, %s, is its dimension %d: only as dimension 0 can it be "
        "reduced",
        n->name, tn_shape_format(&n->x[0]).text, batch);
}

static tn_status infer(tn_node *n)
{
    tn_reduce_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    bool over[TN_MAX_DIMS] = {false};
    TN_TRY(tn_check_input(n, 0, 0));
    if ((unsigned)o->kind > TN_REDUCE_MIN)
        return tn_fail(TN_ERR_ARGUMENT, "reduce %s: %d is no kind", n->name, (int)o->kind);
    TN_TRY(tn_check_list(n, "axes", &o->axes, 0, x->ndim));
    for (int i = 0; i < o->axes.ndim; i++) {
        int axis;
        TN_TRY(tn_find_axis(n, o->axes.dim[i], &axis));
        if (over[axis])
            return tn_fail(TN_ERR_ARGUMENT, "reduce %s: axis %d is there twice", n->name, axis);
        over[axis] = true;
    }
    const bool all = o->axes.ndim == 0;
    TN_TRY(check_rows(n, over, all));
    if (n->x_batch[0] < 0)
        n->y_batch[0] = n->x_batch[0] == TN_BATCH_MEAN && o->kind > TN_REDUCE_SUM
                            ? TN_BATCH_MIXED /* the largest mean is no mean */
                            : n->x_batch[0];
    o->axes.ndim = n->y[0].ndim = 0;
    for (int i = 0; i < x->ndim; i++) {
        over[i] |= all;
        if (over[i])
            o->axes.dim[o->axes.ndim++] = i;
        if (i == n->x_batch[0])
            n->y_batch[0] = over[i] ? over_batch(o->kind) : (int8_t)n->y[0].ndim;
        if (!over[i] || o->keep)
            n->y[0].dim[n->y[0].ndim++] = over[i] ? 1 : x->dim[i];
    }
    return TN_OK;
}

/* From all of x to y, where elements that are reduced lie on each other. */
static tn_route route(const tn_node *n)
{
    const tn_shape *axes = &((const tn_reduce_opts *)n->opts)->axes;
    int64_t step = 1;
    tn_route w = {.ndim = n->x[0].ndim};
    tn_route_strides(&n->x[0], w.from);
    for (int i = w.ndim - 1, k = axes->ndim - 1; i >= 0; i--) {
        const bool over = k >= 0 && axes->dim[k] == i;
        k -= over;
        w.dim[i] = n->x[0].dim[i];
        w.to[i] = over ? 0 : step;
        step *= over ? 1 : w.dim[i];
    }
    return w;
}

static double flops(const tn_node *n)
{
    return (double)tn_elements(&n->x[0]);
}

static const char *const kinds[] = {
    [TN_REDUCE_MEAN] = "mean", [TN_REDUCE_SUM] = "sum",    [TN_REDUCE_MAX] = "max",
    [TN_REDUCE_MIN] = "min",   [TN_REDUCE_MIN + 1] = NULL,
};

static const tn_attr attrs[] = {
    {"kind", NULL, TN_ATTR_ENUM, offsetof(tn_reduce_opts, kind), kinds},
    {"axes", "axes", TN_ATTR_LIST, offsetof(tn_reduce_opts, axes)},
    {"keep", "keepdims", TN_ATTR_BOOL, offsetof(tn_reduce_opts, keep)},
    {0},
};

const tn_op tn_op_reduce = {
    .name = "reduce",
    .opts_size = sizeof(tn_reduce_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .route = route,
    .infer = infer,
    .flops = flops,
};

tn_value tn_reduce(tn_graph *g, tn_value x, const tn_reduce_opts *opts)
{
    return tn_graph_add(g, &tn_op_reduce, opts ? opts->name : NULL, 1, &x, opts);
}
