/*
 * alive: what the outputs do not need goes, and the loss with it, which is for training. A net without outputs is for its
 * loss.
 */
#include "model/passes/passes.h"

static void need(tn_rewrite *r, int32_t id)
{
    const tn_node *n = tn_rewrite_maker(r, id);
    r->mark[tn_rewrite_place(r, n)] = true;
    if (n->made_by)
        r->mark[tn_rewrite_place(r, n->made_by)] = true;
}

static tn_status begin(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    r->keeps_loss = g->num_outputs == 0;
    if (r->keeps_loss)
        need(r, g->loss.id);
    for (size_t i = 0; i < g->num_outputs; i++)
        need(r, g->output[i].id);
    for (size_t i = g->num_nodes; i-- > 0;) {
        const tn_node *n = g->node[i];
        for (int j = 0; r->mark[i] && j < n->num_in; j++)
            need(r, n->in[j]);
        for (int j = 0; r->mark[i] && !tn_is_source(n) && j < n->num_params; j++)
            need(r, n->w[j]);
    }
    return TN_OK;
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    *done = !r->mark[tn_rewrite_place(r, n)];
    if (*done)
        tn_rewrite_tell(r, n->name);
    return TN_OK;
}

const tn_model_pass tn_model_pass_alive = {
    .name = "alive",
    .what = "leaves out what no output needs: the loss, labels, classifiers that only training has",
    .begin = begin,
    .node = node,
};
