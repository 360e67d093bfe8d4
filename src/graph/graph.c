#include "graph/graph.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const tn_op tn_op_input = {.name = "input"};

tn_status tn_graph_create(tn_graph **out)
{
    TN_NEED(out, "out");
    static atomic_uint graphs;
    tn_graph *g = tn_alloc(1, sizeof *g);
    if (!g)
        return tn_no_memory("graph", sizeof *g);
    g->number = atomic_fetch_add(&graphs, 1) + 1;
    *out = g;
    return TN_OK;
}

void tn_graph_destroy(tn_graph *g)
{
    if (!g)
        return;
    tn_arena_free(&g->arena);
    tn_free(g->node);
    tn_free(g->value);
    tn_free(g->place);
    tn_free(g->output);
    tn_free(g);
}

tn_status tn_graph_status(const tn_graph *g)
{
    TN_NEED(g, "g");
    return g->status == TN_OK ? TN_OK : tn_fail(g->status, "%s", g->error);
}

/* For good: tn_error() may be overwritten before anybody looks. */
tn_value tn_graph_refuse(tn_graph *g, tn_status status)
{
    if (g && g->status == TN_OK) {
        g->status = status;
        snprintf(g->error, sizeof g->error, "%s", tn_error());
    }
    return (tn_value){0};
}

static const tn_node *find(const tn_graph *g, const char *name)
{
    const int32_t id = tn_names_find(g, name);
    return id ? g->node[g->value[id - 1].node] : NULL;
}

static tn_status copy_name(tn_graph *g, const tn_node *n, const char *name, const char **out)
{
    if (!*name)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the name is empty", n->op->name);
    if (find(g, name))
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: the graph has a %s of that name already",
                       n->op->name, name, find(g, name)->op->name);
    char *copy = tn_arena_alloc(&g->arena, strlen(name) + 1, 1);
    if (!copy)
        return tn_no_memory("graph", strlen(name) + 1);
    *out = strcpy(copy, name);
    return TN_OK;
}

/* The given name, or the first of op1, op2, ... that is free. */
tn_status tn_graph_give_name(tn_graph *g, tn_node *n, const char *name)
{
    char made[64];
    if (!name) {
        int number = 1;
        for (size_t i = 0; i < g->num_nodes; i++)
            number += g->node[i]->op == n->op;
        do
            snprintf(made, sizeof made, "%s%d", n->op->name, number++);
        while (find(g, made));
        name = made;
    }
    return copy_name(g, n, name, &n->name);
}

/* Output 0 is called as its node; another as it was said, or "loss.top_1", or by its number. */
static tn_status name_value(tn_graph *g, const tn_node *n, int index, const char *name,
                            const char **out)
{
    if (index == 0) {
        *out = n->name;
        return TN_OK;
    }
    const char *const *known = n->op->outputs;
    char *made = name    ? NULL
                 : known ? tn_format("%s.%s", n->name, known[index - 1])
                         : tn_format("%s.%d", n->name, index);
    if (!name && !made)
        return tn_no_memory("graph", strlen(n->name));
    const tn_status status = copy_name(g, n, name ? name : made, out);
    tn_free(made);
    return status;
}

tn_status tn_graph_append(tn_graph *g, tn_node *n, const char *const *name, int num_names)
{
    if (num_names > n->num_out)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: makes %d values, not the %d that are named",
                       n->op->name, n->name, n->num_out, num_names);
    TN_TRY(tn_grow((void **)&g->node, g->num_nodes, &g->node_capacity, sizeof *g->node, "graph"));
    g->node[g->num_nodes++] = n; /* its values' names tell of it */
    for (int i = 0; i < n->num_out; i++) {
        int64_t count;
        tn_made v = {.node = (int32_t)g->num_nodes - 1, .index = i};
        if (tn_shape_count(&n->y[i], &count) != TN_OK)
            return tn_fail(TN_ERR_SHAPE, "%s %s: %s", n->op->name, n->name, tn_error());
        TN_TRY(name_value(g, n, i, i < num_names ? name[i] : NULL, &v.name));
        TN_TRY(tn_grow((void **)&g->value, g->num_values, &g->value_capacity, sizeof *g->value,
                       "graph"));
        g->value[g->num_values++] = v;
        n->out[i] = (int32_t)g->num_values;
        TN_TRY(tn_names_add(g, n->out[i]));
    }
    return TN_OK;
}

tn_status tn_graph_check(const tn_graph *g, tn_value v)
{
    if (v.id == 0)
        return tn_fail(TN_ERR_ARGUMENT, "the zero handle names no value");
    if (v.graph != g->number)
        return tn_fail(TN_ERR_ARGUMENT, "value %d is one of another graph", (int)v.id);
    if (v.id < 0 || (size_t)v.id > g->num_values)
        return tn_fail(TN_ERR_ARGUMENT, "value %d is none of the graph's %zu", (int)v.id,
                       g->num_values);
    return TN_OK;
}

static tn_value name_output(const tn_graph *g, const tn_node *n, int index)
{
    return (tn_value){n->out[index], g->number};
}

/* May anything be added? After the first error nothing is: it is the one to report. */
static bool is_open(const tn_graph *g)
{
    if (!g)
        (void)tn_fail(TN_ERR_ARGUMENT, "a layer for a graph that is NULL");
    return g && g->status == TN_OK;
}

static tn_status connect(tn_graph *g, tn_node *n, int num_in, const tn_value *in)
{
    const tn_op *op = n->op;
    if (num_in < op->min_in || num_in > op->max_in)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: %d inputs, not %d to %d", op->name, n->name, num_in,
                       op->min_in, op->max_in);
    if (!in && num_in > 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: the list of %d inputs is NULL", op->name, n->name,
                       num_in);
    n->num_in = num_in;
    for (int i = 0; i < num_in; i++) {
        if (tn_graph_check(g, in[i]) != TN_OK)
            return tn_fail(TN_ERR_ARGUMENT, "%s %s: input %d: %s", op->name, n->name, i,
                           tn_error());
        const tn_made *v = &g->value[in[i].id - 1];
        n->in[i] = in[i].id;
        n->x[i] = g->node[v->node]->y[v->index];
        n->x_dtype[i] = g->node[v->node]->y_dtype[v->index];
        n->x_batch[i] = g->node[v->node]->y_batch[v->index];
    }
    return TN_OK;
}

tn_node *tn_graph_new_node(tn_graph *g, const tn_op *op)
{
    tn_node *n = tn_arena_alloc(&g->arena, 1, sizeof *n);
    if (!n)
        return NULL;
    n->op = op;
    n->num_out = 1;
    for (int i = 0; i < TN_MAX_OUT; i++)
        n->y_batch[i] = TN_BATCH_UNKNOWN;
    return n;
}

static tn_status add(tn_graph *g, const tn_op *op, const char *const *name, int num_names,
                     int num_in, const tn_value *in, const void *opts, tn_node **out)
{
    tn_node *n = tn_graph_new_node(g, op);
    if (!n)
        return tn_no_memory("graph", sizeof *n);
    TN_TRY(tn_graph_give_name(g, n, num_names ? name[0] : NULL));
    if (op->opts_needed && !opts)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: the options are NULL", op->name, n->name);
    if (op->opts_size) {
        n->opts = tn_arena_alloc(&g->arena, 1, op->opts_size);
        n->given = tn_arena_alloc(&g->arena, 1, op->opts_size);
        if (!n->opts || !n->given)
            return tn_no_memory("graph", op->opts_size);
        if (opts) {
            memcpy(n->opts, opts, op->opts_size);
            memcpy(n->given, opts, op->opts_size);
        }
    }
    TN_TRY(connect(g, n, num_in, in));
    TN_TRY(op->infer(n));
    TN_TRY(tn_complete_batch(n));
    TN_TRY(tn_graph_find_params(g, n));
    TN_TRY(tn_graph_append(g, n, name, num_names));
    *out = n;
    return TN_OK;
}

static tn_status check_op(const tn_op *op)
{
    if (!op)
        return tn_fail(TN_ERR_ARGUMENT, "tn_graph_add: the argument op is NULL");
    if (op->version == 0 || op->version == TN_SYS_VERSION)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "op: its table is of version %u of <tenon/sys/op.h>, the library's of %u",
                   op->version, TN_SYS_VERSION);
}

tn_value tn_graph_add_named(tn_graph *g, const tn_op *op, const char *const *name, int num_names,
                            int num_in, const tn_value *in, const void *opts)
{
    tn_node *n = NULL;
    if (!is_open(g))
        return (tn_value){0};
    tn_status status = check_op(op);
    if (status == TN_OK)
        status = add(g, op, name, num_names, num_in, in, opts, &n);
    return status == TN_OK ? name_output(g, n, 0) : tn_graph_refuse(g, status);
}

tn_value tn_graph_add(tn_graph *g, const tn_op *op, const char *name, int num_in,
                      const tn_value *in, const void *opts)
{
    return tn_graph_add_named(g, op, &name, name != NULL, num_in, in, opts);
}

tn_value tn_graph_output(const tn_graph *g, tn_value v, int index)
{
    return g && v.id ? name_output(g, g->node[g->value[v.id - 1].node], index) : (tn_value){0};
}

static tn_status add_input(tn_graph *g, const char *name, tn_dtype dtype, const tn_shape *shape,
                           int batch, tn_node **out)
{
    size_t bytes;
    tn_node *n = tn_graph_new_node(g, &tn_op_input);
    if (!n)
        return tn_no_memory("graph", sizeof *n);
    n->y[0] = *shape;
    n->y_dtype[0] = dtype;
    n->y_batch[0] = (int8_t)batch;
    if (!name)
        return tn_fail(TN_ERR_ARGUMENT, "input: the name is NULL");
    TN_TRY(tn_graph_give_name(g, n, name));
    if (tn_shape_bytes(shape, dtype, &bytes) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "input %s: %s", n->name, tn_error());
    if (batch < TN_NO_BATCH || batch >= shape->ndim)
        return tn_fail(TN_ERR_ARGUMENT, "input %s is %s: its batch cannot be dimension %d", n->name,
                       tn_shape_format(shape).text, batch);
    TN_TRY(tn_graph_append(g, n, NULL, 0));
    *out = n;
    return TN_OK;
}

tn_value tn_input(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape)
{
    return tn_input_batched(g, name, dtype, shape, shape.ndim > 0 ? 0 : TN_NO_BATCH);
}

tn_value tn_input_batched(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape, int batch)
{
    tn_node *n = NULL;
    if (!is_open(g))
        return (tn_value){0};
    const tn_status status = add_input(g, name, dtype, &shape, batch, &n);
    return status == TN_OK ? name_output(g, n, 0) : tn_graph_refuse(g, status);
}

tn_status tn_value_shape(const tn_graph *g, tn_value v, tn_shape *out)
{
    TN_NEED(g, "g");
    TN_NEED(out, "out");
    TN_TRY(tn_graph_check(g, v));
    *out = g->node[g->value[v.id - 1].node]->y[g->value[v.id - 1].index];
    return TN_OK;
}

tn_status tn_value_dtype(const tn_graph *g, tn_value v, tn_dtype *out)
{
    TN_NEED(g, "g");
    TN_NEED(out, "out");
    TN_TRY(tn_graph_check(g, v));
    *out = g->node[g->value[v.id - 1].node]->y_dtype[g->value[v.id - 1].index];
    return TN_OK;
}
