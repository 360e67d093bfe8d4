/*
 * reshape: the elements of x, of any type, in the same order, in other dimensions. A view: nothing moves.
 *
 *   shape[i] = 0: y's dimension i is x's;  -1, of one: what is left of x's elements.
 *   Source of both: the operator Reshape of ONNX.
 */
#include "base/base.h"
#include "graph/op.h"

/* Sets y's dimensions but the one that is inferred, which is left 1; *inferred: that one, or -1. */
static tn_status read_shape(tn_node *n, int *inferred)
{
    const tn_shape *shape = &((const tn_reshape_opts *)n->opts)->shape, *x = &n->x[0];
    tn_shape *y = &n->y[0];
    *inferred = -1;
    y->ndim = shape->ndim;
    for (int i = 0; i < shape->ndim; i++) {
        y->dim[i] = shape->dim[i];
        if (shape->dim[i] > 0)
            continue;
        if (shape->dim[i] < -1 || (shape->dim[i] == -1 && *inferred >= 0))
            return tn_fail(
                TN_ERR_ARGUMENT,
                "reshape %s: dimension %d is %lld: one may be -1, others are not below 0", n->name,
                i, (long long)shape->dim[i]);
        if (shape->dim[i] == 0 && i >= x->ndim)
            return tn_fail(TN_ERR_SHAPE, "reshape %s: x is %s, and has no dimension %d to keep",
                           n->name, tn_shape_format(x).text, i);
        if (shape->dim[i] < 0)
            *inferred = i;
        y->dim[i] = shape->dim[i] < 0 ? 1 : x->dim[i];
    }
    return TN_OK;
}

/* The dimension of y that has the batch of x by itself: as many elements are in front of it. */
static int8_t find_batch(const tn_node *n)
{
    const int batch = n->x_batch[0];
    int64_t before = 1, ahead = 1;
    for (int i = 0; i < batch; i++)
        before *= n->x[0].dim[i];
    for (int i = 0; batch >= 0 && i < n->y[0].ndim; i++) {
        if (ahead == before && n->y[0].dim[i] == n->x[0].dim[batch])
            return (int8_t)i;
        ahead *= n->y[0].dim[i];
    }
    return (int8_t)(batch >= 0 ? TN_BATCH_MIXED : batch);
}

static tn_status infer(tn_node *n)
{
    const tn_shape *shape = &((const tn_reshape_opts *)n->opts)->shape;
    int64_t count;
    int inferred;
    n->y_dtype[0] = n->x_dtype[0];
    TN_TRY(tn_check_list(n, "shape", shape, 1, TN_MAX_DIMS));
    TN_TRY(read_shape(n, &inferred));
    const int64_t elements = tn_elements(&n->x[0]);
    if (tn_shape_count(&n->y[0], &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "reshape %s: %s", n->name, tn_error());
    if (inferred >= 0 && elements % count == 0)
        n->y[0].dim[inferred] = elements / count;
    else if (inferred >= 0 || elements != count)
        return tn_fail(TN_ERR_SHAPE, "reshape %s: the %lld elements of %s do not make %s%s",
                       n->name, (long long)elements, tn_shape_format(&n->x[0]).text,
                       tn_shape_format(&n->y[0]).text, inferred < 0 ? "" : " times any number");
    n->y_batch[0] = find_batch(n);
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"shape", NULL, TN_ATTR_LIST, offsetof(tn_reshape_opts, shape)},
    {0},
};

const tn_op tn_op_reshape = {
    .name = "reshape",
    .onnx = "Reshape",
    .opts_size = sizeof(tn_reshape_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .view = true,
    .infer = infer,
    .flops = tn_no_flops,
};

tn_value tn_reshape(tn_graph *g, tn_value x, const tn_reshape_opts *opts)
{
    return tn_graph_add(g, &tn_op_reshape, opts ? opts->name : NULL, 1, &x, opts);
}
