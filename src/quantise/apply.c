/*
 * apply: the model whose layers read what is on a grid of whole numbers: what a layer reads, once for all that read it, and its
 * weight, which is a parameter of the net by its old name.
 */
#include <string.h>

#include "model/passes/rewrite.h"
#include "quantise/quantise.h"

typedef struct applying {
    tn_model_pass pass; /* first: the pass is taken for one */
    const tn_grids *q;
    bool twins;
    int32_t *on_grid; /* of each value of the model's net: what it is on its grid; 0: nothing yet */
} applying;

static const applying *of(const tn_rewrite *r)
{
    return (const applying *)(const void *)r->pass;
}

char *tn_grids_twin(const tn_node *n)
{
    return tn_format("%s.on_grid", n->name);
}

/* v on its grid, by the name of the value, which is `id`, and ".grid" if that is free. */
static tn_status put_on_grid(tn_rewrite *r, int32_t id, tn_value v, tn_fake_quant_opts o)
{
    int32_t *on_grid = of(r)->on_grid;
    if (on_grid[id - 1])
        return TN_OK;
    char *name = tn_format("%s.grid", r->from->value[id - 1].name);
    if (!name)
        return tn_no_memory("quantise", 64);
    o.name = tn_rewrite_is_free(r, name, NULL) ? name : NULL;
    on_grid[id - 1] = tn_fake_quant(r->to, v, (tn_value){0}, &o).id;
    tn_free(name);
    return tn_graph_status(r->to);
}

static tn_status put_input(tn_rewrite *r, const tn_node *n, tn_value *out)
{
    const tn_grids *q = of(r)->q;
    const int32_t id = n->in[0];
    TN_TRY(tn_rewrite_value(r, id, out));
    if (!q->values)
        return TN_OK;
    const int most = tn_grids_most(q, id);
    TN_TRY(put_on_grid(r, id, *out,
                       (tn_fake_quant_opts){.scale = q->scale[id - 1],
                                            .lo = tn_grids_unsigned(q, id) ? 0 : -most - 1,
                                            .hi = most}));
    out->id = of(r)->on_grid[id - 1];
    return TN_OK;
}

/* Its own becomes one of the net's. */
static tn_status put_weight(tn_rewrite *r, const tn_node *n, tn_value *out)
{
    const int32_t id = n->w[0];
    const tn_node *source = tn_rewrite_maker(r, id);
    const int most = of(r)->q->most;
    if (!r->became[id - 1]) {
        tn_param_opts o = n->param[0].opts;
        o.value = (tn_value){0};
        TN_TRY(tn_rewrite_map(r, id, tn_param(r->to, source->name, source->y[0], &o)));
    }
    TN_TRY(tn_rewrite_value(r, id, out));
    TN_TRY(
        put_on_grid(r, id, *out, (tn_fake_quant_opts){.lo = -most, .hi = most, .axis = TN_ZERO}));
    out->id = of(r)->on_grid[id - 1];
    return TN_OK;
}

static tn_param_opts *param_of(const tn_op *op, void *opts, const char *name)
{
    const tn_attr *a = op->attrs;
    while (strcmp(a->name, name) != 0)
        a++;
    return (tn_param_opts *)(void *)((char *)opts + a->offset);
}

/* n again, by that name, of those. bias: that of the other, where it is shared. */
static tn_status add_layer(tn_rewrite *r, const tn_node *n, const char *name, tn_value x,
                           tn_value weight)
{
    void *opts = tn_arena_alloc(&r->arena, 1, n->op->opts_size);
    if (!opts)
        return tn_no_memory("quantise", n->op->opts_size);
    memcpy(opts, n->given, n->op->opts_size);
    *param_of(n->op, opts, "weight") = (tn_param_opts){.value = weight};
    tn_param_opts *bias = param_of(n->op, opts, "bias");
    if (n->num_params > 1 && r->became[n->w[1] - 1]) {
        *bias = (tn_param_opts){0};
        TN_TRY(tn_rewrite_value(r, n->w[1], &bias->value));
    }
    tn_graph_add_named(r->to, n->op, &name, 1, 1, &x, opts);
    return tn_graph_status(r->to);
}

static tn_status add_twin(tn_rewrite *r, const tn_node *n)
{
    tn_value x, weight;
    char *name = tn_grids_twin(n);
    tn_status status = name ? tn_rewrite_copy(r, n, NULL, NULL) : tn_no_memory("quantise", 64);
    if (status == TN_OK)
        status = put_input(r, n, &x);
    if (status == TN_OK)
        status = put_weight(r, n, &weight);
    if (status == TN_OK)
        status = add_layer(r, n, name, x, weight);
    tn_free(name);
    return status;
}

static tn_status replace(tn_rewrite *r, const tn_node *n)
{
    tn_value x, weight;
    TN_TRY(put_input(r, n, &x));
    TN_TRY(put_weight(r, n, &weight));
    TN_TRY(add_layer(r, n, n->name, x, weight));
    const tn_node *made = r->to->node[r->to->num_nodes - 1];
    if (n->num_params > 1 && !r->became[n->w[1] - 1])
        TN_TRY(tn_rewrite_map(r, n->w[1], (tn_value){made->w[1], r->to->number}));
    return tn_rewrite_map(r, n->out[0], (tn_value){made->out[0], r->to->number});
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    *done = of(r)->q->layer[tn_rewrite_place(r, n)];
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    return of(r)->twins ? add_twin(r, n) : replace(r, n);
}

/* ---- what is told ----------------------------------------------------------------------------- */

static tn_status tell(const tn_grids *q, tn_model *m)
{
    tn_text lines = {0};
    for (size_t i = 0; i < q->g->num_nodes; i++) {
        const tn_node *n = q->g->node[i];
        if (!q->layer[i])
            continue;
        tn_text_put(&lines, "%s", lines.used ? "\n" : "");
        tn_text_put_name(&lines, n->name);
        if (q->values)
            tn_text_put(&lines, " %.9g %s", (double)q->scale[n->in[0] - 1],
                        tn_grids_unsigned(q, n->in[0]) ? "u8" : "s8");
        else
            tn_text_put(&lines, " weights");
    }
    const tn_status status = lines.failed ? tn_no_memory("quantise", lines.used)
                                          : tn_model_set_fact(m, "tenon.quantised", lines.at);
    tn_free(lines.at);
    return status;
}

static tn_status make(applying *a, tn_graph **g, tn_told *told, tn_model **out)
{
    const tn_grids *q = a->q;
    TN_TRY(tn_rewrite_begin(out, q->model));
    TN_TRY(tn_rewrite_graph(g, q->g, *out, &a->pass, told));
    TN_TRY(tn_rewrite_end(*out, *g, tn_text_batch(q->g)));
    return tell(q, *out);
}

tn_status tn_grids_apply(const tn_grids *q, bool twins, tn_model **out)
{
    applying a = {.pass = {.name = "quantise", .node = node}, .q = q, .twins = twins};
    tn_model *m = NULL;
    tn_graph *g = NULL;
    tn_told told = {0};
    a.on_grid = tn_alloc(q->g->num_values, sizeof *a.on_grid);
    const tn_status status = a.on_grid
                                 ? make(&a, &g, &told, &m)
                                 : tn_no_memory("quantise", q->g->num_values * sizeof *a.on_grid);
    tn_free(a.on_grid);
    tn_free(told.nodes.at);
    tn_graph_destroy(g);
    if (status != TN_OK) {
        tn_model_close(m);
        return status;
    }
    *out = m;
    return TN_OK;
}
