/*
 * export: a model as a file of ONNX: what its outputs need, as evaluation has it. The loss, and what is for training alone,
 * stays away.
 */
#include "onnx/export.h"

#include <string.h>

/* ---- what is written -------------------------------------------------------------------------- */

/* A loss, or what one counts, is for training. */
static bool is_exported(const tn_graph *g, tn_value output)
{
    return !tn_graph_node_of(g, output.id)->op->labels;
}

static tn_status mark_needed(tn_onnx_out *e)
{
    const tn_graph *g = e->g;
    e->name = tn_arena_alloc(&e->arena, g->num_values + 1, sizeof *e->name);
    e->reshaped = tn_arena_alloc(&e->arena, g->num_values + 1, sizeof *e->reshaped);
    e->needed = tn_arena_alloc(&e->arena, g->num_nodes + 1, sizeof *e->needed);
    if (!e->name || !e->reshaped || !e->needed)
        return tn_no_memory("a model", g->num_values * sizeof *e->name);
    bool any = false;
    for (size_t i = 0; i < g->num_outputs; i++)
        if (is_exported(g, g->output[i]))
            any = e->needed[g->value[g->output[i].id - 1].node] = true;
    if (!any)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: its net has no output (tn_output()) that a model of ONNX could compute",
                       e->m->path);
    for (size_t i = g->num_nodes; i-- > 0;) {
        const tn_node *n = g->node[i];
        for (int k = 0; e->needed[i] && k < n->num_in; k++)
            e->needed[g->value[n->in[k] - 1].node] = true;
        for (int k = 0; e->needed[i] && !tn_is_source(n) && k < n->num_params; k++)
            e->needed[g->value[n->w[k] - 1].node] = true;
    }
    return TN_OK;
}

/* These have no writer: who reads them has them written. */
static bool is_there(const tn_node *n)
{
    return n->op == &tn_op_input || tn_is_source(n);
}

static tn_onnx_write *writer(const tn_node *n, int *opset)
{
    *opset = TN_ONNX_OPSET;
    for (int k = 0; tn_onnx_all_writers[k]; k++)
        for (int i = 0; tn_onnx_all_writers[k]->of[i].op; i++)
            if (strcmp(tn_onnx_all_writers[k]->of[i].op, n->op->name) == 0) {
                if (tn_onnx_all_writers[k]->of[i].opset)
                    *opset = tn_onnx_all_writers[k]->of[i].opset;
                return tn_onnx_all_writers[k]->of[i].write;
            }
    return NULL;
}

static void choose_opset(tn_onnx_out *e)
{
    int opset;
    e->opset = TN_ONNX_OPSET;
    for (size_t i = 0; i < e->g->num_nodes; i++)
        if (e->needed[i] && writer(e->g->node[i], &opset) && opset > e->opset)
            e->opset = opset;
}

/* A graph that is of one batch alone says so when it is made again for another. */
static tn_status choose_batch(tn_onnx_out *e)
{
    tn_error_kept before;
    tn_graph *other = NULL;
    int64_t batch;
    TN_TRY(tn_graph_batch(e->g, &batch));
    tn_error_keep(&before);
    const tn_status status = batch ? tn_graph_resize(&other, e->g, batch + 1) : TN_OK;
    tn_graph_destroy(other);
    e->open_batch = batch && status == TN_OK;
    if (status == TN_ERR_MEMORY)
        return status;
    tn_error_put_back(&before);
    return TN_OK;
}

/* ---- one node --------------------------------------------------------------------------------- */

static void put_attr(tn_onnx_out *e, const tn_attr *a, const void *field)
{
    if (a->type == TN_ATTR_BOOL)
        tn_onnx_put_int(e, a->onnx, *(const bool *)field);
    else if (a->type == TN_ATTR_INT)
        tn_onnx_put_int(e, a->onnx, *(const int *)field);
    else if (a->type == TN_ATTR_FLOAT)
        tn_onnx_put_real(e, a->onnx, *(const float *)field);
    else
        tn_onnx_put_ints(e, a->onnx, ((const tn_shape *)field)->dim,
                         ((const tn_shape *)field)->ndim);
}

/* Is the operator's node all that it is: no parameters, and an attribute for each option, but for what is off? */
static bool is_one_node(const tn_node *n)
{
    if (!n->op->onnx || n->num_params)
        return false;
    for (const tn_attr *a = n->op->attrs; a && a->name; a++) {
        const void *field = (const char *)n->opts + a->offset;
        if (!a->onnx && a->type == TN_ATTR_BOOL && !*(const bool *)field)
            continue;
        if (!a->onnx || (a->type != TN_ATTR_BOOL && a->type != TN_ATTR_INT &&
                         a->type != TN_ATTR_FLOAT && a->type != TN_ATTR_LIST))
            return false;
    }
    return true;
}

static void write_as_one(tn_onnx_out *e, const tn_node *n)
{
    const char *x[TN_MAX_IN + 1] = {NULL};
    for (int i = 0; i < n->num_in; i++)
        x[i] = tn_onnx_x_name(e, n, i);
    tn_onnx_begin(e, n->op->onnx, tn_onnx_y_name(e, n), x);
    for (const tn_attr *a = n->op->attrs; a && a->name; a++)
        if (a->onnx)
            put_attr(e, a, (const char *)n->opts + a->offset);
    tn_onnx_end(e);
}

static void write_node(tn_onnx_out *e, const tn_node *n)
{
    int opset;
    tn_onnx_write *write = writer(n, &opset);
    if (write)
        write(e, n);
    else if (is_one_node(n))
        write_as_one(e, n);
    else
        tn_onnx_cannot(e, n,
                       n->op->host ? "functions of the program compute it"
                                   : "ONNX has no such operator");
}

/* ---- the whole -------------------------------------------------------------------------------- */

static void write_graph(tn_onnx_out *e)
{
    const tn_graph *g = e->g;
    const tn_proto_mark graph = tn_proto_put_message(&e->file, MODEL_GRAPH);
    tn_proto_put_text(&e->file, GRAPH_NAME, "tenon");
    for (size_t i = 0; i < g->num_nodes; i++)
        if (e->needed[i] && !is_there(g->node[i])) {
            e->num_needed++;
            write_node(e, g->node[i]);
        }
    for (size_t i = 0; i < g->num_outputs; i++) {
        const tn_made *v = &g->value[g->output[i].id - 1];
        const tn_node *n = g->node[v->node];
        if (!is_exported(g, g->output[i]))
            continue;
        tn_onnx_put_value(e, GRAPH_OUTPUT, tn_onnx_value_name(e, g->output[i].id),
                          n->y_dtype[v->index], &n->y[v->index], n->y_batch[v->index]);
    }
    tn_proto_end_message(&e->file, graph);
}

static void write_facts(tn_onnx_out *e)
{
    for (size_t i = 0; i < e->m->num_facts; i++) {
        const tn_meta *fact = &e->m->fact[i];
        if (!tn_model_goes_along(fact->key) || strcmp(fact->key, "tenon.graph") == 0)
            continue;
        const tn_proto_mark entry = tn_proto_put_message(&e->file, MODEL_META);
        tn_proto_put_text(&e->file, META_KEY, fact->key);
        tn_proto_put_text(&e->file, META_VALUE, fact->value);
        tn_proto_end_message(&e->file, entry);
    }
}

static void write_model(tn_onnx_out *e)
{
    tn_proto_put_int(&e->file, MODEL_IR, e->opset > 18 ? TN_ONNX_IR + 1 : TN_ONNX_IR);
    tn_proto_put_text(&e->file, MODEL_PRODUCER, "tenon");
    tn_proto_put_text(&e->file, MODEL_PRODUCER_VERSION, tn_version());
    write_graph(e);
    const tn_proto_mark opset = tn_proto_put_message(&e->file, MODEL_OPSET);
    tn_proto_put_text(&e->file, OPSET_DOMAIN, "");
    tn_proto_put_int(&e->file, OPSET_VERSION, e->opset);
    tn_proto_end_message(&e->file, opset);
    write_facts(e);
}

static tn_status save(tn_onnx_out *e, const char *path)
{
    TN_TRY(mark_needed(e));
    TN_TRY(choose_batch(e));
    choose_opset(e);
    write_model(e);
    if (e->file.status != TN_OK)
        return e->file.status;
    TN_TRY(tn_onnx_tell_cannot(e, path));
    if (e->file.size + e->file.lent_size > INT32_MAX)
        return tn_fail(
            TN_ERR_UNSUPPORTED,
            "%s: would have %zu bytes; a file of ONNX can have 2 GiB, which is all that its "
            "readers take",
            path, e->file.size + e->file.lent_size);
    return tn_proto_save(&e->file, path);
}

tn_status tn_onnx_save(const tn_model *m, const char *path, const tn_onnx_opts *opts)
{
    tn_onnx_out e = {.m = m, .g = tn_model_graph(m), .float_input = opts->float_input};
    if (!e.g)
        return tn_fail(TN_ERR_ARGUMENT, "%s: holds numbers, and no net", m->path);
    const tn_status status = save(&e, path);
    tn_proto_drop(&e.file);
    tn_arena_free(&e.arena);
    return status;
}
