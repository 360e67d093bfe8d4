/*
 * rewrite: one graph made of another, a node at a time.
 */
#include "model/passes/rewrite.h"

#include <string.h>

#include "model/passes/numbers.h"

int32_t tn_rewrite_place(const tn_rewrite *r, const tn_node *n)
{
    return r->from->value[n->out[0] - 1].node;
}

const tn_node *tn_rewrite_maker(const tn_rewrite *r, int32_t id)
{
    return tn_graph_node_of(r->from, id);
}

const tn_node *tn_rewrite_only_reader(const tn_rewrite *r, const tn_node *n)
{
    const int32_t id = n->out[0];
    if (n->num_out != 1 || r->readers[id - 1] != 1)
        return NULL;
    const tn_node *reader = r->from->node[r->reader[id - 1]];
    for (int i = 0; i < reader->num_in; i++)
        if (reader->in[i] == id)
            return reader;
    return NULL;
}

const float *tn_rewrite_numbers(const tn_rewrite *r, int32_t id)
{
    const tn_node *n = tn_rewrite_maker(r, id);
    if (n->op == &tn_op_constant)
        return n->y_dtype[0] == TN_F32 ? ((const tn_constant_node_opts *)n->opts)->data : NULL;
    const tn_model_number *number =
        n->op == &tn_op_param ? tn_numbers_find(r->model, n->name) : NULL;
    return number ? number->data : NULL;
}

void tn_rewrite_tell(tn_rewrite *r, const char *node)
{
    r->told->times++;
    tn_text_put(&r->told->nodes, " ");
    tn_text_put_name(&r->told->nodes, node);
}

/* ---- values ----------------------------------------------------------------------------------- */

static tn_status check_same(const tn_rewrite *r, int32_t id, tn_value v)
{
    const tn_made *a = &r->from->value[id - 1], *b = &r->to->value[v.id - 1];
    const tn_node *n = r->from->node[a->node], *made = r->to->node[b->node];
    if (tn_shape_equal(&n->y[a->index], &made->y[b->index]) &&
        n->y_dtype[a->index] == made->y_dtype[b->index] &&
        n->y_batch[a->index] == made->y_batch[b->index])
        return TN_OK;
    return tn_fail(
        TN_ERR_SHAPE, "pass %s: %s is %s %s, and would become %s, which is %s %s", r->pass->name,
        a->name, tn_shape_format(&n->y[a->index]).text, tn_dtype_name(n->y_dtype[a->index]),
        b->name, tn_shape_format(&made->y[b->index]).text, tn_dtype_name(made->y_dtype[b->index]));
}

tn_status tn_rewrite_map(tn_rewrite *r, int32_t id, tn_value v)
{
    TN_TRY(tn_graph_status(r->to));
    TN_TRY(check_same(r, id, v));
    r->became[id - 1] = v.id;
    return TN_OK;
}

tn_status tn_rewrite_value(const tn_rewrite *r, int32_t id, tn_value *out)
{
    if (!r->became[id - 1])
        return tn_fail(TN_ERR_ARGUMENT, "pass %s: %s was left out, and is read", r->pass->name,
                       r->from->value[id - 1].name);
    *out = (tn_value){r->became[id - 1], r->to->number};
    return TN_OK;
}

/* ---- names ------------------------------------------------------------------------------------ */

static bool is_of(const tn_rewrite *r, int32_t id, const tn_node *n)
{
    const tn_node *maker = tn_rewrite_maker(r, id);
    return maker == n || (n && maker->made_by == n);
}

static bool is_free(const tn_rewrite *r, const char *name, const tn_node *n, const tn_node *from)
{
    const int32_t id = tn_names_find(r->from, name);
    return !id || is_of(r, id, n) || is_of(r, id, from);
}

bool tn_rewrite_is_free(const tn_rewrite *r, const char *name, const tn_node *from)
{
    return is_free(r, name, NULL, from);
}

bool tn_rewrite_may_call(const tn_rewrite *r, const tn_node *n, const char *name,
                         const tn_node *from)
{
    bool may = is_free(r, name, n, from) && strlen(name) < 256;
    for (int i = 0; i < n->num_params && may; i++) {
        char full[512];
        snprintf(full, sizeof full, "%s.%.200s", name, n->param[i].name);
        may = is_free(r, full, n, from);
    }
    return may;
}

/* ---- nodes ------------------------------------------------------------------------------------ */

/* Parameters that options name are those that have come of them. */
static tn_status translate(const tn_rewrite *r, const tn_op *op, void *opts)
{
    for (const tn_attr *a = op->attrs; a && a->name; a++) {
        if (a->type != TN_ATTR_PARAM)
            continue;
        tn_value *v = &((tn_param_opts *)(void *)((char *)opts + a->offset))->value;
        if (v->id)
            TN_TRY(tn_rewrite_value(r, v->id, v));
    }
    return TN_OK;
}

static tn_status add_op(tn_rewrite *r, const tn_node *n, const int32_t *read, const void *given,
                        const char *name)
{
    tn_value in[TN_MAX_IN];
    const char *names[TN_MAX_OUT] = {name};
    void *opts = n->op->opts_size ? tn_arena_alloc(&r->arena, 1, n->op->opts_size) : NULL;
    if (n->op->opts_size && !opts)
        return tn_no_memory("pass", n->op->opts_size);
    if (opts) {
        memcpy(opts, given, n->op->opts_size);
        TN_TRY(translate(r, n->op, opts));
    }
    for (int i = 0; i < n->num_in; i++)
        TN_TRY(tn_rewrite_value(r, read[i], &in[i]));
    for (int i = 1; i < n->num_out; i++)
        names[i] = r->from->value[n->out[i] - 1].name;
    tn_graph_add_named(r->to, n->op, names, n->num_out, n->num_in, in, opts);
    return tn_graph_status(r->to);
}

/* Its parameters of its own, and their numbers, follow it. */
static tn_status take_params(tn_rewrite *r, const tn_node *n, const tn_node *made)
{
    for (int i = 0; i < n->num_params && i < made->num_params; i++) {
        const tn_node *source = tn_rewrite_maker(r, n->w[i]);
        if (source->made_by != n)
            continue;
        TN_TRY(tn_rewrite_map(r, n->w[i], (tn_value){made->w[i], r->to->number}));
        TN_TRY(
            tn_numbers_rename(r->model, source->name, tn_graph_node_of(r->to, made->w[i])->name));
    }
    return TN_OK;
}

/* What was made last is n's now. */
static tn_status take_made(tn_rewrite *r, const tn_node *n)
{
    const tn_node *made = r->to->node[r->to->num_nodes - 1];
    for (int i = 0; i < n->num_out; i++)
        TN_TRY(tn_rewrite_map(r, n->out[i], (tn_value){made->out[i], r->to->number}));
    return n->op == &tn_op_param ? TN_OK : take_params(r, n, made);
}

static const char *name_of(const tn_rewrite *r, const tn_node *n)
{
    const char *called = r->called[tn_rewrite_place(r, n)];
    return called ? called : n->name;
}

tn_status tn_rewrite_copy(tn_rewrite *r, const tn_node *n, const void *opts, const char *name)
{
    name = name ? name : name_of(r, n);
    if (n->op == &tn_op_input) {
        tn_input_batched(r->to, name, n->y_dtype[0], n->y[0], n->y_batch[0]);
    } else if (n->op == &tn_op_constant) { /* which copies the numbers */
        const tn_constant_node_opts *o = n->opts;
        tn_constant(r->to, name, (tn_tensor){o->dtype, o->shape, (void *)(uintptr_t)o->data});
    } else {
        TN_TRY(add_op(r, n, n->in, opts ? opts : n->given, name));
    }
    TN_TRY(tn_graph_status(r->to));
    return take_made(r, n);
}

tn_status tn_rewrite_copy_of(tn_rewrite *r, const tn_node *n, const int32_t *in, const void *opts)
{
    TN_TRY(add_op(r, n, in, opts, name_of(r, n)));
    return take_made(r, n);
}

static tn_status make_node(tn_rewrite *r, const tn_node *n)
{
    bool done = r->gone[tn_rewrite_place(r, n)];
    if (!done)
        TN_TRY(r->pass->node(r, n, &done));
    return done ? TN_OK : tn_rewrite_copy(r, n, NULL, NULL);
}

/* ---- the whole -------------------------------------------------------------------------------- */

static void read_by(tn_rewrite *r, int32_t id, size_t node)
{
    r->readers[id - 1]++;
    r->reader[id - 1] = (int32_t)node;
}

static void count_readers(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    for (size_t i = 0; i < g->num_nodes; i++) {
        for (int j = 0; j < g->node[i]->num_in; j++)
            read_by(r, g->node[i]->in[j], i);
        for (int j = 0; !tn_is_source(g->node[i]) && j < g->node[i]->num_params; j++)
            read_by(r, g->node[i]->w[j], i);
    }
    for (size_t i = 0; i < g->num_outputs; i++) {
        r->readers[g->output[i].id - 1]++;
        r->is_output[g->output[i].id - 1] = true;
    }
    if (g->loss.id)
        r->readers[g->loss.id - 1]++;
}

static tn_status make_room(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    tn_arena *a = &r->arena;
    r->became = tn_arena_alloc(a, g->num_values, sizeof *r->became);
    r->readers = tn_arena_alloc(a, g->num_values, sizeof *r->readers);
    r->reader = tn_arena_alloc(a, g->num_values, sizeof *r->reader);
    r->is_output = tn_arena_alloc(a, g->num_values, sizeof *r->is_output);
    r->gone = tn_arena_alloc(a, g->num_nodes, sizeof *r->gone);
    r->called = tn_arena_alloc(a, g->num_nodes, sizeof *r->called);
    r->mark = tn_arena_alloc(a, g->num_nodes, sizeof *r->mark);
    r->keeps_output = tn_arena_alloc(a, g->num_outputs + 1, sizeof *r->keeps_output);
    if (!r->became || !r->readers || !r->reader || !r->is_output || !r->gone || !r->called ||
        !r->mark || !r->keeps_output)
        return tn_no_memory("pass", g->num_values * sizeof *r->became);
    for (size_t i = 0; i < g->num_outputs; i++)
        r->keeps_output[i] = true;
    r->keeps_loss = g->loss.id != 0;
    return TN_OK;
}

static tn_status make_roles(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    tn_value v;
    for (size_t i = 0; i < g->num_outputs; i++) {
        if (!r->keeps_output[i])
            continue;
        TN_TRY(tn_rewrite_value(r, g->output[i].id, &v));
        tn_output(r->to, v);
    }
    if (r->keeps_loss) {
        TN_TRY(tn_rewrite_value(r, g->loss.id, &v));
        tn_minimise(r->to, v);
    }
    return tn_graph_status(r->to);
}

static tn_status make_all(tn_rewrite *r)
{
    TN_TRY(make_room(r));
    count_readers(r);
    if (r->pass->begin)
        TN_TRY(r->pass->begin(r));
    for (size_t i = 0; i < r->from->num_nodes; i++)
        if (!r->from->node[i]->made_by)
            TN_TRY(make_node(r, r->from->node[i]));
    TN_TRY(make_roles(r));
    return r->pass->end ? r->pass->end(r) : TN_OK;
}

tn_status tn_rewrite_graph(tn_graph **out, const tn_graph *g, tn_model *numbers,
                           const tn_model_pass *pass, tn_told *told)
{
    const int before = told->times;
    tn_rewrite r = {.pass = pass, .told = told, .model = numbers, .from = g};
    tn_status status = tn_graph_create(&r.to);
    if (status == TN_OK)
        status = make_all(&r);
    tn_arena_free(&r.arena);
    *out = NULL;
    if (status == TN_OK && told->times > before)
        *out = r.to;
    else
        tn_graph_destroy(r.to);
    return status;
}
