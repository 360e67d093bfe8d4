/*
 * softmax_xent: mean over the rows n with labels[n] != -1 of -sum over k of t[n,k] log p[n,k],
 *               p = softmax(logits),  t[n,k] = (1 - e) (k == labels[n]) + e / K.
 *
 *   logits  N x K, f32     labels  N, i32, in [0, K) or -1
 *   y: loss, f32; top_1 and top_k, i32: all scalars, e = label_smoothing
 *   dlogits[n,k] = (p[n,k] - t[n,k]) / counted rows * dy, 0 in rows that are not counted.
 *   Saved for backward: dlogits for dy = 1, computed in the pass that has p at hand anyway.
 *
 * In one of several equal shares of a batch "counted rows" are those of the whole, divided by the number of
 * shares (tn_run_state.share_rows): then the mean of the shares' losses is the loss of the whole.
 * A logit of NaN or +inf makes the loss NaN, and its row is in neither count.
 *   Source of label smoothing: Szegedy et al. 2015, arXiv:1512.00567, section 7.
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_softmax_xent_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 2));
    const int64_t rows = n->x[0].dim[0], classes = n->x[0].dim[1];
    if (n->x_dtype[1] != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: labels are %s, not i32", n->name,
                       tn_dtype_name(n->x_dtype[1]));
    if (n->x[1].ndim != 1 || n->x[1].dim[0] != rows)
        return tn_fail(TN_ERR_SHAPE, "softmax_xent %s: labels are %s, not %lld", n->name,
                       tn_shape_format(&n->x[1]).text, (long long)rows);
    TN_COMPLETE(o->label_smoothing, 0);
    if (!(o->label_smoothing >= 0 && o->label_smoothing < 1))
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: label_smoothing %g is not in [0, 1)",
                       n->name, (double)o->label_smoothing);
    TN_COMPLETE(o->top_k, 5);
    if (o->top_k < 1)
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: top_k %d is not above 0", n->name,
                       o->top_k);
    if (o->top_k > classes)
        o->top_k = (int)classes;
    n->num_out = 3; /* scalars: shapes stay all zero */
    n->y_dtype[1] = n->y_dtype[2] = TN_I32;
    return TN_OK;
}

/* As softmax, a comparison for the rank, and the gradient. */
static double flops(const tn_node *n)
{
    return 7.0 * (double)tn_elements(&n->x[0]);
}

static const tn_attr attrs[] = {
    {"label_smoothing", NULL, TN_ATTR_FLOAT, offsetof(tn_softmax_xent_opts, label_smoothing)},
    {"top_k", NULL, TN_ATTR_INT, offsetof(tn_softmax_xent_opts, top_k)},
    {0},
};

static const char *const outputs[] = {"top_1", "top_k"};

const tn_op tn_op_softmax_xent = {
    .name = "softmax_xent",
    .opts_size = sizeof(tn_softmax_xent_opts),
    .attrs = attrs,
    .outputs = outputs,
    .min_in = 2,
    .max_in = 2,
    .labels = 1,
    .batch = TN_BATCH_OVER,
    .infer = infer,
    .flops = flops,
};

tn_loss tn_softmax_xent(tn_graph *g, tn_value logits, tn_value labels,
                        const tn_softmax_xent_opts *opts)
{
    const tn_value loss = tn_graph_add(g, &tn_op_softmax_xent, opts ? opts->name : NULL, 2,
                                       (tn_value[]){logits, labels}, opts);
    return (tn_loss){loss, tn_graph_output(g, loss, 1), tn_graph_output(g, loss, 2)};
}
