/*
 * common: of nodes that do the same to the same values one is left. Those with parameters of their own are never the same, nor
 * is what draws at random.
 */
#include <string.h>

#include "base/random.h"
#include "model/passes/passes.h"

/* By what it does, of all that are left: a table that is at most half full. */
typedef struct known {
    size_t places;
    const tn_node **node;
    const char **key;
} known;

static bool may_be_same(const tn_rewrite *r, const tn_node *n)
{
    bool may = n->op != &tn_op_input && n->op != &tn_op_param && !n->op->host && !n->op->passes &&
               n->op->version == 0;
    for (int i = 0; i < n->num_params && may; i++)
        may = tn_rewrite_maker(r, n->w[i])->made_by != n;
    return may;
}

/* "add(3,4) axis=1": values by what has come of them. */
static tn_status make_key(tn_rewrite *r, const tn_node *n, const char **out)
{
    tn_text t = {.g = r->from};
    tn_text_put(&t, "%s(", n->op->name);
    for (int i = 0; i < n->num_in; i++)
        tn_text_put(&t, "%d,", (int)r->became[n->in[i] - 1]);
    tn_text_put(&t, ")");
    tn_attrs_write(&t, n->op, n->opts);
    char *key = t.failed ? NULL : tn_arena_alloc(&r->arena, t.used + 1, 1);
    if (key)
        memcpy(key, t.at, t.used + 1);
    tn_free(t.at);
    *out = key;
    return key ? TN_OK : tn_no_memory("pass", t.used);
}

static tn_status begin(tn_rewrite *r)
{
    known *k = tn_arena_alloc(&r->arena, 1, sizeof *k);
    size_t places = 16;
    while (places < 2 * r->from->num_nodes)
        places *= 2;
    if (!k)
        return tn_no_memory("pass", sizeof *k);
    k->places = places;
    k->node = tn_arena_alloc(&r->arena, places, sizeof *k->node);
    k->key = tn_arena_alloc(&r->arena, places, sizeof *k->key);
    if (!k->node || !k->key)
        return tn_no_memory("pass", 2 * places * sizeof *k->key);
    r->own = k;
    return TN_OK;
}

/* Outputs have names of their own to keep. */
static bool has_output(const tn_rewrite *r, const tn_node *n)
{
    bool has = false;
    for (int i = 0; i < n->num_out; i++)
        has |= r->is_output[n->out[i] - 1];
    return has;
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    const known *k = r->own;
    const char *key;
    if (!may_be_same(r, n))
        return TN_OK;
    TN_TRY(make_key(r, n, &key));
    size_t i = (size_t)tn_hash_text(key) & (k->places - 1);
    while (k->key[i] && strcmp(k->key[i], key) != 0)
        i = (i + 1) & (k->places - 1);
    *done = k->key[i] && !has_output(r, n);
    if (!k->key[i]) {
        k->key[i] = key;
        k->node[i] = n;
    }
    if (*done)
        tn_rewrite_tell(r, n->name);
    for (int j = 0; j < n->num_out && *done; j++) {
        tn_value v;
        TN_TRY(tn_rewrite_value(r, k->node[i]->out[j], &v));
        TN_TRY(tn_rewrite_map(r, n->out[j], v));
    }
    return TN_OK;
}

const tn_model_pass tn_model_pass_common = {
    .name = "common",
    .what = "computes once what several nodes do to the same values",
    .begin = begin,
    .node = node,
};
