/*
 * batchnorm: which in evaluation is a product and a sum for each channel, becomes part of the convolution or the dense layer
 * that it stands behind, or else of the one behind it. Where there is none it stays.
 */
#include <string.h>

#include "model/passes/channels.h"
#include "model/passes/passes.h"

static bool is_batchnorm(const tn_node *n)
{
    return strcmp(n->op->name, "batchnorm") == 0;
}

static tn_status go_on(tn_rewrite *r, const tn_node *n, bool *done)
{
    tn_channels c;
    tn_value x;
    TN_TRY(tn_channels_read(r, n, &c));
    TN_TRY(tn_channels_take_before(r, n, &c, done));
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    TN_TRY(tn_rewrite_value(r, n->in[0], &x));
    return tn_rewrite_map(r, n->out[0], x);
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    tn_channels c;
    TN_TRY(tn_channels_give_bias(r, n, done));
    if (*done)
        return TN_OK;
    const tn_node *reader = tn_rewrite_only_reader(r, n);
    if (reader && is_batchnorm(reader)) {
        TN_TRY(tn_channels_read(r, reader, &c));
        if (c.count > 0)
            TN_TRY(tn_channels_take_behind(r, n, reader, &c, done));
        if (*done)
            tn_rewrite_tell(r, reader->name);
    }
    return *done || !is_batchnorm(n) ? TN_OK : go_on(r, n, done);
}

const tn_model_pass tn_model_pass_batchnorm = {
    .name = "batchnorm",
    .what = "puts batch normalisation into the weights of the layer before it, or behind it",
    .node = node,
};
