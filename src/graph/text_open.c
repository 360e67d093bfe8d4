/*
 * text_open: the text of a graph from memory or a file, and with another number of classes.
 */
#include <errno.h>
#include <string.h>

#include "graph/text.h"

/* The last node of a width of its own before the first output: classes are counted by that. */
static tn_status find_head(const tn_graph *g, const char *text_name, const tn_node **out)
{
    const tn_value v = tn_graph_output_at(g, 0);
    if (v.id == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: says no output, so it is not known which layer counts "
                       "the classes",
                       text_name);
    const tn_node *n = g->node[g->value[v.id - 1].node], *first = n;
    while (!n->op->width && n->num_in == 1)
        n = g->node[g->value[n->in[0] - 1].node];
    if (!n->op->width)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: the number of classes cannot be changed: on the way back from output "
                       "%s stands the %s %s",
                       text_name, first->name, n->op->name, n->name);
    *out = n;
    return TN_OK;
}

/* With so many classes: if it has others it is read once more. */
static tn_status widen(tn_graph **g, tn_text_source *from, int classes)
{
    const tn_node *head = NULL;
    tn_graph *wide = NULL;
    TN_TRY(find_head(*g, from->name, &head));
    if (*tn_op_width(head->op, head->opts) == classes)
        return TN_OK;
    from->widen = head->name;
    from->width = classes;
    TN_TRY(tn_text_read(&wide, from));
    tn_graph_destroy(*g);
    *g = wide;
    return TN_OK;
}

static tn_status read_text(tn_graph **out, const char *name, const char *text, size_t bytes,
                           const tn_graph_read_opts *opts)
{
    const tn_graph_read_opts none = {0}, *o = opts ? opts : &none;
    tn_text_source from = {o->name ? o->name : name, text, bytes, o->batch ? o->batch : 1, NULL, 0};
    tn_graph *g = NULL;
    if (from.batch < 0 || o->classes < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a batch of %lld, %d classes", from.name,
                       (long long)from.batch, o->classes);
    TN_TRY(tn_text_read(&g, &from));
    const tn_status status = o->classes ? widen(&g, &from, o->classes) : TN_OK;
    if (status != TN_OK) {
        tn_graph_destroy(g);
        return status;
    }
    *out = g;
    return TN_OK;
}

tn_status tn_graph_read(tn_graph **out, const char *text, size_t bytes,
                        const tn_graph_read_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(text, "text");
    return read_text(out, "graph", text, bytes, opts);
}

tn_status tn_text_load(const char *path, char **text, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    tn_status status = TN_OK;
    /* One byte more than is allowed tells that there are too many. */
    *text = tn_alloc(TN_TEXT_BYTES + 2, 1);
    *bytes = *text ? fread(*text, 1, TN_TEXT_BYTES + 1, f) : 0;
    if (!*text)
        status = tn_no_memory("graph text", TN_TEXT_BYTES + 1);
    else if (ferror(f))
        status = tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    fclose(f); /* read only: nothing can be lost */
    return status;
}

tn_status tn_graph_open(tn_graph **out, const char *path, const tn_graph_read_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(path, "path");
    char *text = NULL;
    size_t bytes = 0;
    tn_status status = tn_text_load(path, &text, &bytes);
    if (status == TN_OK)
        status = read_text(out, path, text, bytes, opts);
    tn_free(text);
    return status;
}
