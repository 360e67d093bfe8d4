/*
 * softmax_xent: sum over the labels l[i] that are not -1 of r[i] loss[i], divided by the sum of their w[l[i]],
 *   loss[i] = -sum over k of t[i,k] log p[i,k],  p = softmax(logits) along axis 1,
 *   t[i,k] = w[k] ((1 - e) (k == l[i]) + e / K).
 *
 *   logits  N x K x anything, f32     labels l  N x anything, i32, in [0, K) or -1
 *   weights, if given: r (rows), f32, of the labels' shape; w (classes), f32, K; else 1. e = label_smoothing
 *   y: loss, f32; top_1 and top_k, i32: all scalars
 *   dlogits[i,k] = (p[i,k] sum over j of t[i,j] - t[i,k]) r[i] / divisor * dy, 0 where the label is -1
 *   dr[i] = loss[i] / divisor * dy. There is none of w.
 *   Saved for backward: dlogits for dy = 1, computed in the pass that has p at hand anyway.
 *
 * In one of several equal shares of a batch the divisor is that of the whole, divided by the number of
 * shares (tn_run_state.share_rows): then the mean of the shares' losses is the loss of the whole.
 * A logit of NaN or +inf makes the loss NaN, and its row is in neither count.
 *   Source of label smoothing: Szegedy et al. 2015, arXiv:1512.00567, section 7; with weights as PyTorch has it.
 */
#include <limits.h>
#include <stdio.h>

#include "base/base.h"
#include "graph/op.h"

/* Labels have the logits' shape without axis 1, and so have weights of rows. */
static tn_status check_rows(const tn_node *n, int input, const char *what)
{
    const tn_shape *x = &n->x[0], *l = &n->x[input];
    tn_shape want = {.ndim = x->ndim - 1, .dim = {x->dim[0]}};
    for (int i = 1; i < want.ndim; i++)
        want.dim[i] = x->dim[i + 1];
    if (tn_shape_equal(l, &want))
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "softmax_xent %s: %s are %s, not %s", n->name, what,
                   tn_shape_format(l).text, tn_shape_format(&want).text);
}

static tn_status check_weights(const tn_node *n, tn_xent_weights kind)
{
    static const int inputs[] = {2, 3, 3, 4};
    if (kind < TN_XENT_PLAIN || kind > TN_XENT_BOTH)
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: %d is no kind of weights", n->name,
                       (int)kind);
    if (n->num_in != inputs[kind])
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: %d inputs, not the %d of these weights",
                       n->name, n->num_in, inputs[kind]);
    for (int i = 2; i < n->num_in; i++)
        TN_TRY(tn_check_input(n, i, 0));
    const int rows = tn_xent_rows(kind), classes = tn_xent_classes(kind);
    if (rows)
        TN_TRY(check_rows(n, rows, "weights of rows"));
    if (classes && (n->x[classes].ndim != 1 || n->x[classes].dim[0] != n->x[0].dim[1]))
        return tn_fail(TN_ERR_SHAPE, "softmax_xent %s: weights of classes are %s, not %lld",
                       n->name, tn_shape_format(&n->x[classes]).text, (long long)n->x[0].dim[1]);
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_softmax_xent_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    if (n->x[0].ndim < 2)
        return tn_fail(TN_ERR_SHAPE, "softmax_xent %s: logits are %s, without classes", n->name,
                       tn_shape_format(&n->x[0]).text);
    const int64_t classes = n->x[0].dim[1];
    if (n->x_dtype[1] != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "softmax_xent %s: labels are %s, not i32", n->name,
                       tn_dtype_name(n->x_dtype[1]));
    TN_TRY(check_rows(n, 1, "labels"));
    TN_TRY(check_weights(n, o->weights));
    if (tn_elements(&n->x[1]) > INT_MAX)
        return tn_fail(TN_ERR_SHAPE, "softmax_xent %s: labels are %s, more than are counted",
                       n->name, tn_shape_format(&n->x[1]).text);
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

static const char *const kinds[] = {"plain", "rows", "classes", "both", NULL};

static const tn_attr attrs[] = {
    {"label_smoothing", NULL, TN_ATTR_FLOAT, offsetof(tn_softmax_xent_opts, label_smoothing)},
    {"top_k", NULL, TN_ATTR_INT, offsetof(tn_softmax_xent_opts, top_k)},
    {"weights", NULL, TN_ATTR_ENUM, offsetof(tn_softmax_xent_opts, weights), kinds},
    {0},
};

static const char *const outputs[] = {"top_1", "top_k"};

const tn_op tn_op_softmax_xent = {
    .name = "softmax_xent",
    .opts_size = sizeof(tn_softmax_xent_opts),
    .attrs = attrs,
    .outputs = outputs,
    .min_in = 2,
    .max_in = 4,
    .labels = 1,
    .predicts = "softmax",
    .batch = TN_BATCH_OVER,
    .infer = infer,
    .flops = flops,
};

tn_loss tn_softmax_xent_weighted(tn_graph *g, tn_value logits, tn_value labels, tn_value rows,
                                 tn_value classes, const tn_softmax_xent_opts *opts)
{
    tn_softmax_xent_opts o = opts ? *opts : (tn_softmax_xent_opts){0};
    tn_value in[4] = {logits, labels};
    int count = 2;
    if (rows.id)
        in[count++] = rows;
    if (classes.id)
        in[count++] = classes;
    o.weights = rows.id && classes.id ? TN_XENT_BOTH
                : rows.id             ? TN_XENT_ROWS
                : classes.id          ? TN_XENT_CLASSES
                                      : TN_XENT_PLAIN;
    const tn_value loss = tn_graph_add(g, &tn_op_softmax_xent, o.name, count, in, &o);
    return (tn_loss){loss, tn_graph_output(g, loss, 1), tn_graph_output(g, loss, 2)};
}

tn_loss tn_softmax_xent(tn_graph *g, tn_value logits, tn_value labels,
                        const tn_softmax_xent_opts *opts)
{
    const tn_value loss = tn_graph_add(g, &tn_op_softmax_xent, opts ? opts->name : NULL, 2,
                                       (tn_value[]){logits, labels}, opts);
    return (tn_loss){loss, tn_graph_output(g, loss, 1), tn_graph_output(g, loss, 2)};
}

/* One of the two; opts.weights, as ever, is not the caller's to say. */
static tn_loss mixed_part(tn_graph *g, tn_value logits, tn_value labels, tn_value shares,
                          const tn_softmax_xent_opts *opts, const char *suffix)
{
    tn_softmax_xent_opts o = *opts;
    char name[256];
    snprintf(name, sizeof name, "%.200s%s", opts->name ? opts->name : "", suffix);
    o.name = opts->name ? name : NULL;
    return tn_softmax_xent_weighted(g, logits, labels, shares, (tn_value){0}, &o);
}

tn_loss tn_softmax_xent_mixed(tn_graph *g, tn_value logits, tn_value labels, tn_value partners,
                              tn_value shares, const tn_softmax_xent_opts *opts)
{
    static float one = 1;
    const tn_softmax_xent_opts o = opts ? *opts : (tn_softmax_xent_opts){0};
    const tn_value whole = tn_constant(g, NULL, (tn_tensor){TN_F32, {0}, &one});
    const tn_value rest = tn_sub(g, whole, shares, NULL);
    tn_loss loss = mixed_part(g, logits, labels, shares, &o, "_own");
    const tn_loss other = mixed_part(g, logits, partners, rest, &o, "_partner");
    loss.loss = tn_add(g, loss.loss, other.loss, &(tn_layer_opts){.name = o.name});
    return loss;
}
