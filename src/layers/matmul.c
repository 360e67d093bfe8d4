/*
 * matmul: y[n] = op(a[n]) op(b[n]), op(x) being x, or x with its last two dimensions exchanged.
 *
 *   op(a)  batch x M x K     op(b)  batch x K x N     y  batch x M x N
 *   batch: any dimensions in front, none too; they broadcast as NumPy's do, from the last on.
 *   da = dy op(b)^T, db = op(a)^T dy, each turned as a or b is, and summed over what was broadcast.
 *   Read by backward: b for da, a for db.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status mismatch(const tn_node *n)
{
    const tn_matmul_opts *o = n->opts;
    return tn_fail(TN_ERR_SHAPE, "matmul %s: %s%s times %s%s", n->name,
                   tn_shape_format(&n->x[0]).text, o->transpose_a ? " turned" : "",
                   tn_shape_format(&n->x[1]).text, o->transpose_b ? " turned" : "");
}

/* Dimension i of y as x has it, 1 if it has it not. */
static int64_t dim_of(const tn_shape *x, const tn_shape *y, int i)
{
    const int ahead = y->ndim - x->ndim;
    return i < ahead ? 1 : x->dim[i - ahead];
}

/* Which dimension of y input i's batch is; TN_BATCH_MIXED if it is summed over. */
static int place_batch(const tn_node *n, int i)
{
    const tn_matmul_opts *o = n->opts;
    const bool turned = i == 0 ? o->transpose_a : o->transpose_b;
    const int ndim = n->x[i].ndim, batch = n->x_batch[i], y_ndim = n->y[0].ndim;
    const int kept = ndim - (i == 0 ? (turned ? 1 : 2) : turned ? 2 : 1);
    if (batch < ndim - 2)
        return y_ndim - ndim + batch;
    return batch == kept ? y_ndim - (i == 0 ? 2 : 1) : TN_BATCH_MIXED;
}

/* The one that all inputs which have a batch agree in. One that has none must not tell rows apart. */
static int8_t find_batch(const tn_node *n)
{
    int batch = TN_BATCH_NONE, means = 0;
    for (int i = 0; i < 2; i++) {
        const int own = n->x_batch[i] < 0 ? n->x_batch[i] : place_batch(n, i);
        means += own == TN_BATCH_MEAN;
        if (own == TN_BATCH_MIXED || (own >= 0 && batch >= 0 && own != batch))
            return TN_BATCH_MIXED;
        batch = own >= 0 ? own : batch;
    }
    if (batch < 0 || means > 0)
        return (int8_t)(batch >= 0 || means > 1 ? TN_BATCH_MIXED
                        : means                 ? TN_BATCH_MEAN
                                                : TN_BATCH_NONE);
    for (int i = 0; i < 2; i++)
        if (batch < n->y[0].ndim - 2 && n->x_batch[i] < 0 && dim_of(&n->x[i], &n->y[0], batch) != 1)
            return TN_BATCH_MIXED;
    return (int8_t)batch;
}

static tn_status infer(tn_node *n)
{
    const tn_matmul_opts *o = n->opts;
    const tn_shape *a = &n->x[0], *b = &n->x[1];
    tn_shape *y = &n->y[0];
    for (int i = 0; i < 2; i++) {
        TN_TRY(tn_check_input(n, i, 0));
        if (n->x[i].ndim < 2)
            return tn_fail(TN_ERR_SHAPE, "matmul %s: input %d is %s, not a matrix", n->name, i,
                           tn_shape_format(&n->x[i]).text);
    }
    y->ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    if (a->dim[a->ndim - (o->transpose_a ? 2 : 1)] != b->dim[b->ndim - (o->transpose_b ? 1 : 2)])
        return mismatch(n);
    y->dim[y->ndim - 2] = a->dim[a->ndim - (o->transpose_a ? 1 : 2)];
    y->dim[y->ndim - 1] = b->dim[b->ndim - (o->transpose_b ? 2 : 1)];
    for (int i = 0; i < y->ndim - 2; i++) {
        const int64_t in_a = dim_of(a, y, i), in_b = dim_of(b, y, i);
        if (in_a != in_b && in_a != 1 && in_b != 1)
            return mismatch(n);
        y->dim[i] = in_a > in_b ? in_a : in_b;
    }
    n->y_batch[0] = find_batch(n);
    return TN_OK;
}

static double flops(const tn_node *n)
{
    const tn_matmul_opts *o = n->opts;
    const tn_shape *a = &n->x[0];
    return 2.0 * (double)tn_elements(&n->y[0]) * (double)a->dim[a->ndim - (o->transpose_a ? 2 : 1)];
}

static const tn_attr attrs[] = {
    {"transpose_a", NULL, TN_ATTR_BOOL, offsetof(tn_matmul_opts, transpose_a)},
    {"transpose_b", NULL, TN_ATTR_BOOL, offsetof(tn_matmul_opts, transpose_b)},
    {0},
};

const tn_op tn_op_matmul = {
    .name = "matmul",
    .onnx = "MatMul",
    .opts_size = sizeof(tn_matmul_opts),
    .attrs = attrs,
    .min_in = 2,
    .max_in = 2,
    .infer = infer,
    .flops = flops,
};

tn_value tn_matmul(tn_graph *g, tn_value a, tn_value b, const tn_matmul_opts *opts)
{
    return tn_graph_add(g, &tn_op_matmul, opts ? opts->name : NULL, 2, (tn_value[]){a, b}, opts);
}
