/*
 * ports: what the outputs of a graph need of its inputs and parameters. A node is made after what it reads, so one look at
 * all of them from behind finds it.
 */
#include "graph/graph.h"
#include "infer/engine.h"

/* Which values the outputs need, by id; for tn_free(). */
static tn_status find_needed(const tn_graph *g, bool **out)
{
    bool *needed = tn_alloc(g->num_values + 1, sizeof *needed);
    if (!needed)
        return tn_no_memory("engine", g->num_values);
    for (size_t i = 0; i < g->num_outputs; i++)
        needed[g->output[i].id] = true;
    for (size_t i = g->num_nodes; i-- > 0;) {
        const tn_node *n = g->node[i];
        bool wanted = false;
        for (int j = 0; j < n->num_out; j++)
            wanted |= needed[n->out[j]];
        for (int j = 0; wanted && j < n->num_in; j++)
            needed[n->in[j]] = true;
        for (int j = 0; wanted && j < n->num_params; j++)
            needed[n->w[j]] = true;
    }
    *out = needed;
    return TN_OK;
}

static void add(tn_port_lists *p, const tn_graph *g, bool output, int32_t id)
{
    const tn_made *made = &g->value[id - 1];
    const tn_node *n = g->node[made->node];
    const int batch = n->y_batch[made->index];
    p->port[output][p->count[output]++] =
        (tn_port_value){{made->name, n->op->name, n->y_dtype[made->index], n->y[made->index],
                         batch >= 0 ? batch : -1},
                        {id, g->number}};
}

/* Rows that only fill up would be in it, too. */
static void find_mixed(tn_port_lists *p, const tn_graph *g, const bool *needed)
{
    for (size_t i = 0; i < g->num_values; i++) {
        const tn_made *made = &g->value[i];
        const int batch = g->node[made->node]->y_batch[made->index];
        if (needed[i + 1] && (batch == TN_BATCH_MEAN || batch == TN_BATCH_MIXED))
            p->mixed = made->name;
    }
}

static void find_all(tn_port_lists *p, const tn_graph *g, const bool *needed)
{
    for (size_t i = 0; i < g->num_nodes; i++)
        if (g->node[i]->op == &tn_op_input && needed[g->node[i]->out[0]])
            add(p, g, false, g->node[i]->out[0]);
    for (size_t i = 0; i < g->num_outputs; i++)
        add(p, g, true, g->output[i].id);
    find_mixed(p, g, needed);
}

tn_status tn_engine_find_ports(tn_port_lists *out, const tn_graph *g)
{
    bool *needed = NULL;
    tn_port_lists p = {0};
    tn_status status = find_needed(g, &needed);
    p.port[0] = tn_alloc(g->num_nodes + 1, sizeof *p.port[0]);
    p.port[1] = tn_alloc(g->num_outputs + 1, sizeof *p.port[1]);
    if (status == TN_OK && p.port[0] && p.port[1])
        find_all(&p, g, needed);
    else if (status == TN_OK)
        status = tn_no_memory("engine", g->num_nodes * sizeof *p.port[0]);
    tn_free(needed);
    if (status != TN_OK)
        tn_engine_free_ports(&p);
    *out = p;
    return status;
}

void tn_engine_free_ports(tn_port_lists *p)
{
    tn_free(p->port[0]);
    tn_free(p->port[1]);
    *p = (tn_port_lists){0};
}

static tn_status check_param(const tn_model *m, const tn_node *n)
{
    tn_shape shape;
    const ptrdiff_t index = m->numbers.find(&m->numbers, n->name, &shape);
    if (index < 0)
        return tn_fail(TN_ERR_FORMAT, "%s: has no numbers for %s", m->path, n->name);
    if (!m->numbers.at(&m->numbers, (size_t)index).at)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: %s is not what its shape says, or not at a multiple of 64 bytes",
                       m->path, n->name);
    if (!tn_shape_equal(&shape, &n->y[0]))
        return tn_fail(TN_ERR_FORMAT, "%s: has %s for %s, whose shape in the net is %s", m->path,
                       tn_shape_format(&shape).text, n->name, tn_shape_format(&n->y[0]).text);
    return TN_OK;
}

tn_status tn_engine_check_params(const tn_model *m)
{
    const tn_graph *g = m->graph;
    bool *needed = NULL;
    tn_status status = find_needed(g, &needed);
    for (size_t i = 0; i < g->num_nodes && status == TN_OK; i++)
        if (g->node[i]->op == &tn_op_param && needed[g->node[i]->out[0]])
            status = check_param(m, g->node[i]);
    tn_free(needed);
    return status;
}
