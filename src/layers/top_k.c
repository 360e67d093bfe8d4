/*
 * top_k: the k elements along an axis that come first when they are ordered by size, and where they are.
 *
 *   x  O x S x I, S the axis     values  O x k x I, f32     indices  the same, i32, in [0, S)
 *   a comes before b if it is larger (`smallest`: smaller), a NaN before all others; of equal ones by place, the first before
 *   the last (`last`: the other way round).
 *   Source: ONNX's TopK and ArgMax; of NaN, PyTorch's topk().
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_top_k_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_complete_axis(n, &o->axis, 1));
    const int64_t size = n->x[0].dim[o->axis];
    if (o->k < 1 || o->k > size || size > INT32_MAX)
        return tn_fail(TN_ERR_SHAPE, "top_k %s: k is %d, not 1 to the %lld of dimension %d of %s",
                       n->name, o->k, (long long)size, o->axis, tn_shape_format(&n->x[0]).text);
    if (o->drop && o->k != 1)
        return tn_fail(TN_ERR_ARGUMENT, "top_k %s: only of k 1 the axis may be left out, not of %d",
                       n->name, o->k);
    const int batch = n->x_batch[0];
    tn_shape *y = &n->y[0];
    for (int i = 0; i < n->x[0].ndim; i++)
        if (i != o->axis || !o->drop)
            y->dim[y->ndim++] = i == o->axis ? o->k : n->x[0].dim[i];
    n->num_out = 2;
    n->y[1] = *y;
    n->y_dtype[1] = TN_I32;
    n->y_batch[0] = (int8_t)(batch == o->axis             ? TN_BATCH_MIXED
                             : o->drop && batch > o->axis ? batch - 1
                                                          : batch);
    n->y_batch[1] = n->y_batch[0];
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"k", NULL, TN_ATTR_INT, offsetof(tn_top_k_opts, k)},
    {"axis", "axis", TN_ATTR_INT, offsetof(tn_top_k_opts, axis)},
    {"smallest", NULL, TN_ATTR_BOOL, offsetof(tn_top_k_opts, smallest)},
    {"last", NULL, TN_ATTR_BOOL, offsetof(tn_top_k_opts, last)},
    {"drop", NULL, TN_ATTR_BOOL, offsetof(tn_top_k_opts, drop)},
    {0},
};

static const char *const outputs[] = {"indices"};

const tn_op tn_op_top_k = {
    .name = "top_k",
    .opts_size = sizeof(tn_top_k_opts),
    .opts_needed = true,
    .attrs = attrs,
    .outputs = outputs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
};

tn_top tn_top_k(tn_graph *g, tn_value x, const tn_top_k_opts *opts)
{
    const tn_value values = tn_graph_add(g, &tn_op_top_k, opts ? opts->name : NULL, 1, &x, opts);
    return (tn_top){values, tn_graph_output(g, values, 1)};
}

tn_value tn_argmax(tn_graph *g, tn_value x, const tn_argmax_opts *opts)
{
    const tn_argmax_opts o = opts ? *opts : (tn_argmax_opts){0};
    return tn_top_k(g, x,
                    &(tn_top_k_opts){.name = o.name,
                                     .k = 1,
                                     .axis = o.axis,
                                     .smallest = o.smallest,
                                     .last = o.last,
                                     .drop = !o.keep})
        .indices;
}
