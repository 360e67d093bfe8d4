/*
 * text_write: a graph as text, see <tenon/text.h>.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/number.h"
#include "graph/text.h"

void tn_text_put(tn_text *t, const char *format, ...)
{
    for (int tries = 0; tries < 2 && !t->failed; tries++) {
        va_list args;
        va_start(args, format);
        const size_t room = t->capacity - t->used;
        const int length = tn_vprint(t->at ? t->at + t->used : NULL, room, format, args);
        va_end(args);
        if (length >= 0 && (size_t)length < room) {
            t->used += (size_t)length;
            return;
        }
        const size_t wanted = 2 * (t->used + (size_t)(length < 0 ? 0 : length)) + 1024;
        char *more = length < 0 ? NULL : tn_alloc(wanted, 1);
        t->failed = !more;
        if (more && t->used)
            memcpy(more, t->at, t->used);
        if (more) {
            tn_free(t->at);
            t->at = more;
            t->capacity = wanted;
        }
    }
}

static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("_.:/-", *c)))
            return false;
    return *name != '\0';
}

void tn_text_put_name(tn_text *t, const char *name)
{
    if (is_plain(name)) {
        tn_text_put(t, "%s", name);
        return;
    }
    tn_text_put(t, "\"");
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c == '"' || *c == '\\')
            tn_text_put(t, "\\%c", *c);
        else if (*c < ' ' || *c == 0x7F)
            tn_text_put(t, "\\%03o", *c);
        else
            tn_text_put(t, "%c", *c);
    tn_text_put(t, "\"");
}

int64_t tn_text_batch(const tn_graph *g)
{
    int64_t batch = 0;
    tn_error_kept kept;
    tn_error_keep(&kept);
    if (tn_graph_batch(g, &batch) != TN_OK)
        batch = 0;
    tn_error_put_back(&kept);
    return batch;
}

static void write_input(tn_text *t, const tn_node *n, int64_t batch)
{
    const int own = n->y_batch[0];
    tn_text_put(t, "input ");
    tn_text_put_name(t, n->name);
    tn_text_put(t, " %s", tn_dtype_name(n->y_dtype[0]));
    for (int i = 0; i < n->y[0].ndim; i++)
        if (batch && i == own)
            tn_text_put(t, " N");
        else
            tn_text_put(t, " %lld", (long long)n->y[0].dim[i]);
    if (own < 0 && n->y[0].ndim > 0)
        tn_text_put(t, " batch=none");
    else if (own > 0 && !batch)
        tn_text_put(t, " batch=%d", own);
    tn_text_put(t, "\n");
}

static void put_value(tn_text *t, const tn_graph *g, int32_t id)
{
    tn_text_put_name(t, g->value[id - 1].name);
}

static void write_node(tn_text *t, const tn_graph *g, const tn_node *n)
{
    for (int i = 0; i < n->num_out; i++) {
        tn_text_put(t, i ? ", " : "");
        put_value(t, g, n->out[i]);
    }
    tn_text_put(t, " = %s(", n->op->name);
    for (int i = 0; i < n->num_in; i++) {
        tn_text_put(t, i ? ", " : "");
        put_value(t, g, n->in[i]);
    }
    tn_text_put(t, ")");
    tn_attrs_write(t, n->op, n->given);
    tn_text_put(t, "\n");
}

/* What a text cannot say: it must not leave it out either. */
static tn_status check_node(const tn_node *n)
{
    if (n->op->host)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s %s: is computed by functions of the program, which a text cannot say",
                       n->op->name, n->name);
    if (n->op->version != 0 && tn_op_find(n->op->name) != n->op)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s %s: the operation is not registered, so no text could be read again",
                       n->op->name, n->name);
    if (n->op->opts_size > sizeof(tn_layer_opts) && !n->op->attrs)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s %s: the operation has options, but no table of them for a text",
                       n->op->name, n->name);
    const tn_constant_node_opts *o = n->op == &tn_op_constant ? n->given : NULL;
    if (o && (o->dtype == TN_F16 || o->dtype == TN_BF16))
        return tn_fail(TN_ERR_UNSUPPORTED, "constant %s: is %s, which a text cannot say", n->name,
                       tn_dtype_name(o->dtype));
    return TN_OK;
}

tn_status tn_graph_format(const tn_graph *g, const tn_text_roots *roots, char **out)
{
    const tn_text_roots own = {g->output, g->num_outputs, g->loss};
    tn_text t = {.g = g};
    TN_TRY(tn_graph_status(g));
    for (size_t i = 0; i < g->num_nodes; i++)
        TN_TRY(check_node(g->node[i]));
    roots = roots ? roots : &own;
    const int64_t batch = tn_text_batch(g);
    tn_text_put(&t, "tenon graph 1\n");
    for (size_t i = 0; i < g->num_nodes; i++)
        if (g->node[i]->made_by)
            continue;
        else if (g->node[i]->op == &tn_op_input)
            write_input(&t, g->node[i], batch);
        else
            write_node(&t, g, g->node[i]);
    for (size_t i = 0; i < roots->num_outputs; i++) {
        tn_text_put(&t, "output ");
        put_value(&t, g, roots->output[i].id);
        tn_text_put(&t, "\n");
    }
    if (roots->loss.id) {
        tn_text_put(&t, "loss ");
        put_value(&t, g, roots->loss.id);
        tn_text_put(&t, "\n");
    }
    if (t.failed) {
        tn_free(t.at);
        return tn_no_memory("graph text", t.used);
    }
    if (t.used > TN_TEXT_BYTES) {
        tn_free(t.at);
        return tn_fail(TN_ERR_UNSUPPORTED, "the text of the graph has %zu bytes, more than %d",
                       t.used, TN_TEXT_BYTES);
    }
    *out = t.at;
    return TN_OK;
}

tn_status tn_graph_write(const tn_graph *g, FILE *to)
{
    TN_NEED(g, "g");
    TN_NEED(to, "to");
    char *text = NULL;
    TN_TRY(tn_graph_format(g, NULL, &text));
    const bool whole = fputs(text, to) >= 0 && !ferror(to);
    tn_free(text);
    return whole ? TN_OK : tn_fail(TN_ERR_IO, "graph text: %s", strerror(errno));
}
