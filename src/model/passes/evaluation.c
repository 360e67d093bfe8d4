/*
 * evaluation: what does nothing when the net is used goes: dropout, and all whose y is its x. Outputs that a loss makes, and
 * counts beside it, go too; where there are no others, what the losses measure is the output, as softmax_xent's
 * probabilities are.
 */
#include <string.h>

#include "model/passes/passes.h"

enum { LOSS_NEEDS = 1, OF_LOSS = 2 /* marks of nodes */ };

/* ---- identities ------------------------------------------------------------------------------- */

/* Does it move every element to where it was? */
static bool moves_nothing(const tn_node *n)
{
    if (n->op->view || (n->op->joins && n->num_in == 1))
        return true;
    if (!n->op->route)
        return false;
    const tn_route w = n->op->route(n);
    bool same = w.to_at == 0 && w.from_at == 0 && tn_route_count(&w) == tn_elements(&n->y[0]);
    for (int i = 0; i < w.ndim && same; i++)
        same = w.dim[i] == 1 || w.to[i] == w.from[i];
    return same;
}

static bool is_identity(const tn_node *n)
{
    return n->num_in > 0 && n->num_out == 1 && n->num_params == 0 &&
           tn_shape_equal(&n->x[0], &n->y[0]) && n->x_dtype[0] == n->y_dtype[0] &&
           n->x_batch[0] == n->y_batch[0] && (n->op->passes || moves_nothing(n));
}

/* An output keeps its name: what makes x takes it, unless that has to keep its own. */
static void give_name(tn_rewrite *r, const tn_node *n)
{
    const tn_node *maker = tn_rewrite_maker(r, n->in[0]);
    if (maker->out[0] == n->in[0] && maker->op != &tn_op_input && !tn_is_source(maker) &&
        !is_identity(maker) && !r->is_output[n->in[0] - 1] &&
        tn_rewrite_may_call(r, maker, n->name, n))
        r->called[tn_rewrite_place(r, maker)] = n->name;
}

static bool may_go(const tn_rewrite *r, const tn_node *n)
{
    if (!is_identity(n))
        return false;
    return !r->is_output[n->out[0] - 1] ||
           r->called[tn_rewrite_place(r, tn_rewrite_maker(r, n->in[0]))] == n->name;
}

/* ---- losses ----------------------------------------------------------------------------------- */

static bool is_loss(const tn_rewrite *r, size_t place)
{
    return r->from->node[place]->op->predicts && (r->mark[place] & LOSS_NEEDS);
}

static void mark_losses(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    if (g->loss.id)
        r->mark[g->value[g->loss.id - 1].node] |= LOSS_NEEDS;
    for (size_t i = g->num_nodes; i-- > 0;)
        for (int j = 0; (r->mark[i] & LOSS_NEEDS) && j < g->node[i]->num_in; j++)
            r->mark[g->value[g->node[i]->in[j] - 1].node] |= LOSS_NEEDS;
    for (size_t i = 0; i < g->num_nodes; i++) {
        bool of_loss = is_loss(r, i);
        for (int j = 0; j < g->node[i]->num_in; j++)
            of_loss |= (r->mark[g->value[g->node[i]->in[j] - 1].node] & OF_LOSS) != 0;
        r->mark[i] |= of_loss ? OF_LOSS : 0;
    }
}

static tn_status add_prediction(tn_rewrite *r, const tn_node *loss)
{
    const tn_op *op = tn_op_find(loss->op->predicts);
    tn_value v;
    TN_TRY(tn_rewrite_value(r, loss->in[0], &v));
    if (op)
        v = tn_graph_add(r->to, op, tn_names_find(r->to, "prob") ? NULL : "prob", 1, &v, NULL);
    tn_output(r->to, v);
    tn_rewrite_tell(r, loss->name);
    return tn_graph_status(r->to);
}

/* Do two of them measure the same? */
static bool is_first(const tn_rewrite *r, size_t place)
{
    const tn_node *n = r->from->node[place];
    for (size_t i = 0; i < place; i++)
        if (is_loss(r, i) && r->from->node[i]->in[0] == n->in[0] &&
            strcmp(r->from->node[i]->op->predicts, n->op->predicts) == 0)
            return false;
    return true;
}

/* ---- the pass --------------------------------------------------------------------------------- */

static tn_status begin(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    mark_losses(r);
    for (size_t i = 0; i < g->num_outputs; i++) {
        const tn_made *v = &g->value[g->output[i].id - 1];
        r->keeps_output[i] = !(r->mark[v->node] & OF_LOSS);
        if (!r->keeps_output[i])
            tn_rewrite_tell(r, v->name);
    }
    for (size_t i = 0; i < g->num_nodes; i++)
        if (is_identity(g->node[i]) && r->is_output[g->node[i]->out[0] - 1])
            give_name(r, g->node[i]);
    return TN_OK;
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    tn_value x;
    *done = may_go(r, n);
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    TN_TRY(tn_rewrite_value(r, n->in[0], &x));
    return tn_rewrite_map(r, n->out[0], x);
}

static tn_status end(tn_rewrite *r)
{
    for (size_t i = 0; i < r->from->num_nodes && r->from->num_outputs == 0; i++)
        if (is_loss(r, i) && is_first(r, i))
            TN_TRY(add_prediction(r, r->from->node[i]));
    return TN_OK;
}

const tn_model_pass tn_model_pass_evaluation = {
    .name = "evaluation",
    .what = "takes out dropout and all that changes nothing; outputs that are a loss become what "
            "it measures",
    .begin = begin,
    .node = node,
    .end = end,
};
