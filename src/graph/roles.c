/*
 * roles: what a program may ask of a graph that it did not make, and say of one that it made: values by name, inputs,
 * outputs, the loss.
 */
#include "graph/graph.h"

static tn_value handle(const tn_graph *g, int32_t id)
{
    return id ? (tn_value){id, g->number} : (tn_value){0}; /* no id: g may be NULL */
}

tn_value tn_graph_value(const tn_graph *g, const char *name)
{
    return (tn_value){g && name ? tn_names_find(g, name) : 0, g ? g->number : 0};
}

static bool is_known(const tn_graph *g, tn_value v)
{
    return g && v.graph == g->number && v.id > 0 && (size_t)v.id <= g->num_values;
}

const char *tn_value_name(const tn_graph *g, tn_value v)
{
    return is_known(g, v) ? g->value[v.id - 1].name : NULL;
}

static const tn_node *maker(const tn_graph *g, tn_value v)
{
    return g->node[g->value[v.id - 1].node];
}

const char *tn_value_op(const tn_graph *g, tn_value v)
{
    return is_known(g, v) ? maker(g, v)->op->name : NULL;
}

tn_value tn_value_beside(const tn_graph *g, tn_value v, int index)
{
    const bool made = is_known(g, v) && index >= 0 && index < maker(g, v)->num_out;
    return handle(g, made ? maker(g, v)->out[index] : 0);
}

tn_value tn_value_read(const tn_graph *g, tn_value v, int index)
{
    const bool reads = is_known(g, v) && index >= 0 && index < maker(g, v)->num_in;
    return handle(g, reads ? maker(g, v)->in[index] : 0);
}

tn_value tn_graph_input(const tn_graph *g, int index)
{
    for (size_t i = 0; g && index >= 0 && i < g->num_nodes; i++)
        if (g->node[i]->op == &tn_op_input && index-- == 0)
            return handle(g, g->node[i]->out[0]);
    return (tn_value){0};
}

static bool is_output(const tn_graph *g, tn_value v)
{
    for (size_t i = 0; i < g->num_outputs; i++)
        if (g->output[i].id == v.id)
            return true;
    return false;
}

static tn_status add_output(tn_graph *g, tn_value v)
{
    TN_TRY(tn_graph_check(g, v));
    if (is_output(g, v))
        return TN_OK;
    TN_TRY(tn_grow((void **)&g->output, g->num_outputs, &g->output_capacity, sizeof *g->output,
                   "graph"));
    g->output[g->num_outputs++] = v;
    return TN_OK;
}

/* Nothing is said of a graph whose building has failed, where the handle is zero: that error is the one to report. */
static bool takes_roles(const tn_graph *g)
{
    return g && g->status == TN_OK;
}

void tn_output(tn_graph *g, tn_value v)
{
    if (!takes_roles(g))
        return;
    const tn_status status = add_output(g, v);
    if (status != TN_OK)
        tn_graph_refuse(g, tn_fail(status, "output: %s", tn_error()));
}

void tn_minimise(tn_graph *g, tn_value loss)
{
    if (!takes_roles(g))
        return;
    const tn_status status = tn_graph_check(g, loss);
    if (status == TN_OK)
        g->loss = loss;
    else
        tn_graph_refuse(g, tn_fail(status, "loss: %s", tn_error()));
}

tn_value tn_graph_output_at(const tn_graph *g, int index)
{
    return g && index >= 0 && (size_t)index < g->num_outputs ? g->output[index] : (tn_value){0};
}

tn_value tn_graph_loss(const tn_graph *g)
{
    return g ? g->loss : (tn_value){0};
}
