/*
 * order: the nodes that the loss and the kept values need, each after what it reads.
 *
 * A graph only grows at its end, so the order of creation is already one in which every node comes
 * after what it reads; this pass leaves out the rest. Parameters and constants are values that are no node's here: those
 * that have readers, or are kept, are in the plan.
 */
#include "plan/passes.h"

static tn_status check_roots(const tn_plan *p)
{
    const tn_graph *g = p->graph;
    tn_shape shape;
    tn_dtype dtype;
    const bool loss = p->opts.loss.id || p->opts.loss.graph; /* see tn_graph_value() */
    if (!loss && p->opts.num_keep == 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: neither a loss nor a value to keep is given");
    if (p->opts.num_keep == 0 && p->opts.keep)
        return tn_fail(TN_ERR_ARGUMENT, "plan: keep is a list, but num_keep is 0");
    if (p->opts.num_keep < 0 || (p->opts.num_keep > 0 && !p->opts.keep))
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d values to keep, but no list of them",
                       p->opts.num_keep);
    for (int i = 0; i < p->opts.num_keep; i++)
        if (tn_value_shape(g, p->opts.keep[i], &shape) != TN_OK)
            return tn_fail(TN_ERR_ARGUMENT, "plan: keep[%d]: %s", i, tn_error());
    if (!loss)
        return TN_OK;
    if (tn_value_shape(g, p->opts.loss, &shape) != TN_OK)
        return tn_fail(TN_ERR_ARGUMENT, "plan: the loss: %s", tn_error());
    TN_TRY(tn_value_dtype(g, p->opts.loss, &dtype));
    if (tn_elements(&shape) != 1 || dtype != TN_F32)
        return tn_fail(TN_ERR_SHAPE, "plan: the loss (%s) is %s %s, not an f32 scalar",
                       g->node[g->value[p->opts.loss.id - 1].node]->name,
                       tn_shape_format(&shape).text, tn_dtype_name(dtype));
    return TN_OK;
}

static tn_status make_values(tn_plan *p)
{
    const tn_graph *g = p->graph;
    p->value = tn_alloc(g->num_values, sizeof *p->value);
    if (!p->value)
        return tn_no_memory("plan", g->num_values * sizeof *p->value);
    p->num_values = p->value_capacity = g->num_values;
    for (size_t i = 0; i < g->num_values; i++) {
        const tn_node *n = g->node[g->value[i].node];
        const int output = g->value[i].index;
        p->value[i] = (tn_plan_value){
            .name = n->name,
            .source = tn_is_source(n) ? n : NULL,
            .shape = n->y[output],
            .dtype = n->y_dtype[output],
            .batch = n->y_batch[output],
            .producer = -1,
            .output = output,
            .buffer = TN_NO_BUFFER,
            .gradient = TN_NO_BUFFER,
            .half = TN_NO_BUFFER,
            .sums = TN_NO_BUFFER,
        };
    }
    return TN_OK;
}

static tn_status add_node(tn_plan *p, const tn_node *n)
{
    TN_TRY(tn_grow((void **)&p->node, p->num_nodes, &p->node_capacity, sizeof(tn_plan_node *),
                   "plan"));
    tn_plan_node *pn = tn_arena_alloc(&p->arena, 1, sizeof *pn);
    if (!pn)
        return tn_no_memory("plan", sizeof *pn);
    pn->node = *n;
    pn->saved = pn->scratch = TN_NO_BUFFER;
    for (int i = 0; i < n->num_out; i++) {
        tn_plan_value *v = tn_plan_value_of(p, n->out[i]);
        v->producer = (int)p->num_nodes;
        v->input = n->op == &tn_op_input;
    }
    p->node[p->num_nodes++] = pn;
    return TN_OK;
}

/* May several devices share it? */
static tn_status check_shared(const tn_plan *p, const tn_node *n)
{
    bool mixed = false;
    for (int i = 0; i < n->num_out; i++)
        mixed |= n->y_batch[i] == TN_BATCH_MIXED;
    if (!mixed || p->share.ranks < 2)
        return TN_OK;
    return tn_fail(
        TN_ERR_UNSUPPORTED,
        "%s %s: several devices cannot share a batch whose rows it mixes (its inputs: %s)",
        n->op->name, n->name, tn_format_batch(p->graph, n).text);
}

tn_status tn_plan_order(tn_plan *p)
{
    const tn_graph *g = p->graph;
    TN_TRY(check_roots(p));
    TN_TRY(make_values(p));

    bool *needed = tn_arena_alloc(&p->arena, g->num_nodes, sizeof *needed);
    if (!needed)
        return tn_no_memory("plan", g->num_nodes);
    if (p->opts.loss.id)
        needed[g->value[p->opts.loss.id - 1].node] = true;
    for (int i = 0; i < p->opts.num_keep; i++)
        needed[g->value[p->opts.keep[i].id - 1].node] = true;
    for (size_t i = g->num_nodes; i-- > 0;) {
        const tn_node *n = g->node[i];
        for (int j = 0; needed[i] && j < n->num_in; j++)
            needed[g->value[n->in[j] - 1].node] = true;
        for (int j = 0; needed[i] && j < n->num_params; j++)
            needed[g->value[n->w[j] - 1].node] = true;
    }

    for (size_t i = 0; i < g->num_nodes; i++)
        if (needed[i] && !tn_is_source(g->node[i])) {
            TN_TRY(check_shared(p, g->node[i]));
            TN_TRY(add_node(p, g->node[i]));
        }
    for (int i = 0; i < p->opts.num_keep; i++)
        tn_plan_value_of(p, p->opts.keep[i].id)->kept = true;
    if (p->opts.loss.id) { /* and what is counted beside it */
        const tn_node *loss = g->node[g->value[p->opts.loss.id - 1].node];
        for (int i = 0; i < loss->num_out; i++)
            tn_plan_value_of(p, loss->out[i])->kept = true;
    }
    tn_plan_count_readers(p);
    return TN_OK;
}

void tn_plan_count_readers(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++)
        p->value[i].readers = 0;
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        for (int j = 0; !p->node[i]->gone && j < n->num_in; j++)
            tn_plan_value_of(p, n->in[j])->readers++;
        for (int j = 0; !p->node[i]->gone && j < n->num_params; j++)
            tn_plan_value_of(p, n->w[j])->readers += !p->node[i]->bind.reads_stored[j];
    }
}
