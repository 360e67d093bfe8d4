/*
 * text_open: the text of a graph from memory or a file, and with another number of classes.
 */
#include <errno.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/text.h"

/* A parameter with a line of its own has as many numbers along that dimension as there are classes. */
static bool take_wide(tn_text_source *from, const tn_node *param, int dim)
{
    if (param->op != &tn_op_param || param->made_by || dim < 0 ||
        from->num_wide == (int)TN_COUNT(from->wide))
        return false;
    from->wide[from->num_wide].name = param->name;
    from->wide[from->num_wide++].dim = dim;
    return true;
}

/* What stands before it; of an addition of a parameter, a bias that was written as one, what that is added to. */
static const tn_node *step_back(const tn_graph *g, tn_text_source *from, const tn_node *n)
{
    if (n->num_in == 1)
        return tn_graph_node_of(g, n->in[0]);
    for (int i = 0; n->num_in == 2 && i < 2; i++) {
        const tn_node *other = tn_graph_node_of(g, n->in[1 - i]);
        if (strcmp(n->op->name, "add") == 0 && take_wide(from, other, other->y[0].ndim - 1))
            return tn_graph_node_of(g, n->in[i]);
    }
    return NULL;
}

/* The last node of a width of its own before the first output: classes are counted by that. */
static tn_status find_head(const tn_graph *g, tn_text_source *from, const tn_node **out)
{
    const tn_value v = tn_graph_output_at(g, 0);
    if (v.id == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: says no output, so it is not known which layer counts "
                       "the classes",
                       from->name);
    const tn_node *n = tn_graph_node_of(g, v.id), *first = n, *last = n;
    while (n && !n->op->width) {
        last = n;
        n = step_back(g, from, n);
    }
    if (!n)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: the number of classes cannot be changed: on the way back from output "
                       "%s stands the %s %s",
                       from->name, first->name, last->op->name, last->name);
    *out = n;
    return TN_OK;
}

/* Does the first output, N x K x ..., have so many already? */
static bool has_classes(const tn_graph *g, int classes)
{
    tn_shape shape;
    const tn_value v = tn_graph_output_at(g, 0);
    return v.id && tn_value_shape(g, v, &shape) == TN_OK && shape.ndim > 1 &&
           shape.dim[1] == classes;
}

/* With so many classes: if it has others it is read once more. */
static tn_status widen(tn_graph **g, tn_text_source *from, int classes)
{
    const tn_node *head = NULL;
    tn_graph *wide = NULL;
    if (has_classes(*g, classes))
        return TN_OK;
    TN_TRY(find_head(*g, from, &head));
    if (*tn_op_width(head->op, head->opts) == classes)
        return TN_OK;
    from->widen = head->name;
    from->width = classes;
    for (int i = 0; i < head->num_params; i++)
        if (head->param[i].shape.dim[0] == *tn_op_width(head->op, head->opts))
            (void)take_wide(from, tn_graph_node_of(*g, head->w[i]), 0);
    TN_TRY(tn_text_read(&wide, from));
    tn_graph_destroy(*g);
    *g = wide;
    return TN_OK;
}

static tn_status read_text(tn_graph **out, const char *name, const char *text, size_t bytes,
                           const tn_graph_read_opts *opts)
{
    const tn_graph_read_opts none = {0}, *o = opts ? opts : &none;
    tn_text_source from = {o->name ? o->name : name, text, bytes, o->batch ? o->batch : 1};
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
