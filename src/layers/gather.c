/*
 * gather: slices of x along an axis, by number.
 *
 *   x  O x S x I, S the axis, O and I what stands in front of it and behind     indices  J, i32, in [-S, S)
 *   y[o,j,i] = x[o, indices[j], i], below 0 counted from behind; J takes the place of the axis
 *   dx[o,s,i] = sum over j with indices[j] = s of dy[o,j,i]
 *   each: indices O x J x I, y[o,j,i] = x[o, indices[o,j,i], i], dx likewise
 *   Read by backward: indices.   Source: ONNX's Gather; of words, PyTorch's embedding.
 */
#include "base/base.h"
#include "graph/op.h"

/* The batch is that of one of the two, and the other is the same for any. */
static int8_t find_batch(const tn_node *n, int axis, bool each)
{
    const int x = n->x_batch[0], indices = n->x_batch[1];
    if (each)
        return (int8_t)(x == indices && x != axis && x >= TN_BATCH_NONE ? x : TN_BATCH_MIXED);
    if (x == TN_BATCH_NONE && (indices >= 0 || indices == TN_BATCH_NONE))
        return (int8_t)(indices >= 0 ? axis + indices : TN_BATCH_NONE);
    if (x >= 0 && x != axis && indices == TN_BATCH_NONE)
        return (int8_t)(x < axis ? x : x - 1 + n->x[1].ndim);
    return TN_BATCH_MIXED;
}

static tn_status infer_each(tn_node *n, int axis)
{
    tn_shape want = n->x[0];
    if (n->x[1].ndim == want.ndim)
        want.dim[axis] = n->x[1].dim[axis];
    if (!tn_shape_equal(&want, &n->x[1]))
        return tn_fail(TN_ERR_SHAPE, "gather %s: indices are %s, which is not x %s but for axis %d",
                       n->name, tn_shape_format(&n->x[1]).text, tn_shape_format(&n->x[0]).text,
                       axis);
    n->y[0] = want;
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_gather_opts *o = n->opts;
    const tn_shape *x = &n->x[0], *indices = &n->x[1];
    int axis;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_find_axis(n, o->axis, &axis));
    if (n->x_dtype[1] != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "gather %s: indices are %s, not i32", n->name,
                       tn_dtype_name(n->x_dtype[1]));
    o->axis = axis;
    n->y_batch[0] = find_batch(n, axis, o->each);
    if (o->each)
        return infer_each(n, axis);
    if (x->ndim - 1 + indices->ndim > TN_MAX_DIMS)
        return tn_fail(TN_ERR_SHAPE, "gather %s: x %s and indices %s make more than %d dimensions",
                       n->name, tn_shape_format(x).text, tn_shape_format(indices).text,
                       TN_MAX_DIMS);
    tn_shape *y = &n->y[0];
    for (int i = 0; i < axis; i++)
        y->dim[y->ndim++] = x->dim[i];
    for (int i = 0; i < indices->ndim; i++)
        y->dim[y->ndim++] = indices->dim[i];
    for (int i = axis + 1; i < x->ndim; i++)
        y->dim[y->ndim++] = x->dim[i];
    int64_t count;
    if (tn_shape_count(y, &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "gather %s: %s", n->name, tn_error());
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"axis", "axis", TN_ATTR_INT, offsetof(tn_gather_opts, axis)},
    {"each", NULL, TN_ATTR_BOOL, offsetof(tn_gather_opts, each)},
    {0},
};

const tn_op tn_op_gather = {
    .name = "gather",
    .onnx = "Gather",
    .opts_size = sizeof(tn_gather_opts),
    .attrs = attrs,
    .min_in = 2,
    .max_in = 2,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_gather(tn_graph *g, tn_value x, tn_value indices, const tn_gather_opts *opts)
{
    return tn_graph_add(g, &tn_op_gather, opts ? opts->name : NULL, 2, (tn_value[]){x, indices},
                        opts);
}
