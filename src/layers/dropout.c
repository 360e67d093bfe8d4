/*
 * dropout: in training y = 0 with probability rate, else x / (1 - rate); in evaluation y = x.
 *
 *   x, y  any shape, the same.   dx = 0 where y was set to 0, else dy / (1 - rate).
 *
 * Every backend computes the same mask. Element number i of step number s, counted in canonical order,
 * from 0 and through the whole batch where devices share it, goes if
 *     tn_random_at(seed, TN_RANDOM_DROPOUT, hash ^ s * 0x9E3779B97F4A7C15, i / 4).word[i % 4] < rate 2^32
 * where hash is tn_hash_text() of the node's name. The factor is odd, so a node meets no stream twice.
 *   Source: Srivastava et al. 2014, "inverted".
 */
#include "base/base.h"
#include "graph/op.h"

static tn_status infer(tn_node *n)
{
    tn_dropout_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_COMPLETE(o->rate, 0);
    if (!(o->rate >= 0 && o->rate < 1))
        return tn_fail(TN_ERR_ARGUMENT, "dropout %s: rate %g is not in [0, 1)", n->name,
                       (double)o->rate);
    n->y[0] = n->x[0];
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"rate", NULL, TN_ATTR_FLOAT, offsetof(tn_dropout_opts, rate)},
    {0},
};

const tn_op tn_op_dropout = {
    .name = "dropout",
    .onnx = "Dropout",
    .opts_size = sizeof(tn_dropout_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .passes = true,
    .infer = infer,
};

tn_value tn_dropout(tn_graph *g, tn_value x, const tn_dropout_opts *opts)
{
    return tn_graph_add(g, &tn_op_dropout, opts ? opts->name : NULL, 1, &x, opts);
}
