/*
 * nll: losses[i] = -weights[i] x[i, l[i]],  weights[i] = w[l[i]]; both 0 where the label is the one that is left out.
 *
 *   x  N x K x anything, f32     labels l  N x anything, i32, in [0, K) or `ignore`     w  K, f32, else 1
 *   dx[i,k] = -weights[i] dlosses[i] where k is the label, else 0
 *   Read by backward: labels, w.   Source: ONNX's NegativeLogLikelihoodLoss, PyTorch's nll_loss().
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status check_labels(const tn_node *n)
{
    const tn_shape *x = &n->x[0], *l = &n->x[1];
    tn_shape want = {.ndim = x->ndim - 1, .dim = {x->dim[0]}};
    for (int i = 1; i < want.ndim; i++)
        want.dim[i] = x->dim[i + 1];
    if (n->x_dtype[1] != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "nll %s: labels are %s, not i32", n->name,
                       tn_dtype_name(n->x_dtype[1]));
    if (tn_shape_equal(l, &want))
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "nll %s: labels are %s, not %s", n->name, tn_shape_format(l).text,
                   tn_shape_format(&want).text);
}

static tn_status infer(tn_node *n)
{
    tn_nll_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    if (n->x[0].ndim < 2 || n->x[0].dim[1] > INT32_MAX)
        return tn_fail(TN_ERR_SHAPE, "nll %s: x is %s, without classes or with too many", n->name,
                       tn_shape_format(&n->x[0]).text);
    TN_TRY(check_labels(n));
    if (n->num_in > 2) {
        TN_TRY(tn_check_input(n, 2, 1));
        if (n->x[2].dim[0] != n->x[0].dim[1])
            return tn_fail(TN_ERR_SHAPE, "nll %s: weights of classes are %s, not %lld", n->name,
                           tn_shape_format(&n->x[2]).text, (long long)n->x[0].dim[1]);
    }
    TN_COMPLETE(o->ignore, -1);
    n->num_out = 2;
    n->y[0] = n->y[1] = n->x[1];
    const bool rows = n->x_batch[0] == 0 && n->x_batch[1] == 0;
    const bool none = n->x_batch[0] == TN_BATCH_NONE && n->x_batch[1] == TN_BATCH_NONE;
    n->y_batch[0] = (int8_t)(rows ? 0 : none ? TN_BATCH_NONE : TN_BATCH_MIXED);
    n->y_batch[1] = n->y_batch[0];
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"ignore", "ignore_index", TN_ATTR_INT, offsetof(tn_nll_opts, ignore)},
    {0},
};

static const char *const outputs[] = {"weights"};

const tn_op tn_op_nll = {
    .name = "nll",
    .opts_size = sizeof(tn_nll_opts),
    .attrs = attrs,
    .outputs = outputs,
    .predicts = "exp",
    .min_in = 2,
    .max_in = 3,
    .infer = infer,
};

tn_nll_loss tn_nll(tn_graph *g, tn_value x, tn_value labels, tn_value classes,
                   const tn_nll_opts *opts)
{
    const tn_value losses =
        tn_graph_add(g, &tn_op_nll, opts ? opts->name : NULL, classes.id ? 3 : 2,
                     (tn_value[]){x, labels, classes}, opts);
    return (tn_nll_loss){losses, tn_graph_output(g, losses, 1)};
}
