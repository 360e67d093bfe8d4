/*
 * choose: which layers become ones of whole numbers.
 */
#define _POSIX_C_SOURCE 200809L /* fnmatch */

#include <fnmatch.h>
#include <string.h>

#include "quantise/quantise.h"

static bool is(const tn_node *n, const char *op)
{
    return strcmp(n->op->name, op) == 0;
}

static bool is_layer(const tn_node *n)
{
    return is(n, "conv2d") || is(n, "dense");
}

/* Not if its weight is computed: it may be on a grid already. */
static bool can_be(const tn_grids *q, const tn_node *n)
{
    return is_layer(n) && tn_is_source(tn_graph_node_of(q->g, n->w[0])) &&
           (q->values || is(n, "dense"));
}

/* The first conv2d and the last dense, and filters that see few channels each: they lose most, and win nothing. */
static void leave_ends(tn_grids *q)
{
    size_t last = q->g->num_nodes;
    bool first = true;
    for (size_t i = 0; i < q->g->num_nodes; i++) {
        const tn_node *n = q->g->node[i];
        if (is(n, "conv2d") && ((const tn_conv2d_opts *)n->opts)->groups > 1)
            q->layer[i] = false;
        if (is(q->g->node[i], "conv2d") && first) {
            first = false;
            q->layer[i] = false;
        }
        last = is(q->g->node[i], "dense") ? i : last;
    }
    if (last < q->g->num_nodes)
        q->layer[last] = false;
}

static tn_status leave_named(tn_grids *q, const char *list)
{
    while (list && *list) {
        const size_t length = strcspn(list, ",");
        char *pattern = tn_format("%.*s", (int)length, list);
        int found = 0;
        if (!pattern)
            return tn_no_memory("quantise", length);
        for (size_t i = 0; i < q->g->num_nodes; i++) {
            const tn_node *n = q->g->node[i];
            if (!is_layer(n) || fnmatch(pattern, n->name, 0) != 0)
                continue;
            q->layer[i] = false;
            found++;
        }
        const tn_status status =
            found ? TN_OK
                  : tn_fail(TN_ERR_ARGUMENT,
                            "quantise: leave: no conv2d or dense is called as \"%s\"", pattern);
        tn_free(pattern);
        TN_TRY(status);
        list += length + (list[length] == ',');
    }
    return TN_OK;
}

/* Which values they read. */
static void find_values(tn_grids *q)
{
    q->layers = 0;
    for (size_t i = 0; i < q->g->num_values; i++)
        q->reads[i] = false;
    for (size_t i = 0; i < q->g->num_nodes; i++)
        if (q->layer[i]) {
            q->layers++;
            q->reads[q->g->node[i]->in[0] - 1] = q->values;
        }
}

static tn_status choose(tn_grids *q, const tn_quantise_opts *o)
{
    for (size_t i = 0; i < q->g->num_nodes; i++)
        q->layer[i] = can_be(q, q->g->node[i]);
    if (q->values && !o->all)
        leave_ends(q);
    TN_TRY(leave_named(q, o->leave));
    find_values(q);
    if (q->layers == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "quantise: no %s of the net is to be in whole numbers, the ends and what is "
                       "left out aside",
                       q->values ? "conv2d or dense" : "dense");
    return TN_OK;
}

tn_status tn_grids_create(tn_grids *q, const tn_model *m, bool values, const tn_quantise_opts *opts)
{
    const tn_quantise_opts o = opts ? *opts : (tn_quantise_opts){0};
    *q = (tn_grids){.model = m, .g = tn_model_graph(m), .values = values};
    if (!q->g)
        return tn_fail(TN_ERR_ARGUMENT, "quantise: the model holds no net");
    if (!tn_model_tensor(m, 0, NULL))
        return tn_fail(TN_ERR_ARGUMENT, "quantise: the model holds no numbers");
    if (o.bits != 0 && (o.bits < 2 || o.bits > 8))
        return tn_fail(TN_ERR_ARGUMENT, "quantise: %d bits, not 2 to 8", o.bits);
    q->most = (1 << ((o.bits ? o.bits : 8) - 1)) - 1;
    q->layer = tn_arena_alloc(&q->arena, q->g->num_nodes, sizeof *q->layer);
    q->reads = tn_arena_alloc(&q->arena, q->g->num_values, sizeof *q->reads);
    q->scale = tn_arena_alloc(&q->arena, q->g->num_values, sizeof *q->scale);
    const tn_status status = q->layer && q->reads && q->scale
                                 ? choose(q, &o)
                                 : tn_no_memory("quantise", q->g->num_values * sizeof *q->scale);
    if (status != TN_OK)
        tn_grids_destroy(q);
    return status;
}

void tn_grids_destroy(tn_grids *q)
{
    tn_arena_free(&q->arena);
}

void tn_grids_leave(tn_grids *q, size_t node)
{
    q->layer[node] = false;
    find_values(q);
}

/* ---- signs ------------------------------------------------------------------------------------ */

/* Of what only moves, picks or averages what is in x. */
static bool keeps_sign(const tn_node *n)
{
    static const char *const ops[] = {"pool2d",    "dropout", "concat",  "reshape",      "flatten",
                                      "transpose", "slice",   "maximum", "broadcast_to", "gather"};
    bool found = false;
    for (size_t i = 0; i < TN_COUNT(ops); i++)
        found |= is(n, ops[i]);
    return found;
}

static bool has_none(const tn_node *n)
{
    static const char *const ops[] = {"relu", "sigmoid", "hardsigmoid", "softmax",
                                      "abs",  "exp",     "sqrt",        "softplus"};
    bool found = is(n, "clip") && ((const tn_clip_opts *)n->opts)->min >= 0;
    for (size_t i = 0; i < TN_COUNT(ops); i++)
        found |= is(n, ops[i]);
    return found;
}

bool tn_grids_unsigned(const tn_grids *q, int32_t id)
{
    const tn_node *n = tn_graph_node_of(q->g, id);
    while (keeps_sign(n) && n->num_in == 1)
        n = tn_graph_node_of(q->g, n->in[0]);
    bool all = keeps_sign(n);
    for (int i = 0; i < n->num_in && all; i++)
        all = tn_grids_unsigned(q, n->in[i]);
    return all || has_none(n);
}
