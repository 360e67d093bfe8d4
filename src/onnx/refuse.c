/*
 * refuse: what cannot be imported, by operator, and what is only told.
 */
#include <stdarg.h>
#include <string.h>

#include "base/number.h"
#include "onnx/table.h"

enum { MOST_KINDS = 64 }; /* of operators that are refused, which are told */

typedef struct kind {
    const char *op, *first, *why;
    int count;
} kind;

struct tn_onnx_refused {
    kind of[MOST_KINDS];
    int kinds, count;
};

/* ---- telling ---------------------------------------------------------------------------------- */

static kind *kind_of(tn_onnx *o, const tn_onnx_node *n)
{
    struct tn_onnx_refused *r = o->refused;
    for (int i = 0; i < r->kinds; i++)
        if (strcmp(r->of[i].op, n->op) == 0)
            return &r->of[i];
    if (r->kinds == MOST_KINDS)
        return NULL;
    r->of[r->kinds].op = n->op;
    return &r->of[r->kinds++];
}

tn_status tn_onnx_refuse(tn_onnx *o, const tn_onnx_node *n, const char *format, ...)
{
    char why[400];
    va_list args;
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i])
            n->out[i]->made = true;
    if (!o->refused)
        o->refused = tn_arena_alloc(&o->arena, 1, sizeof *o->refused);
    if (!o->refused)
        return o->status = tn_no_memory("a model", sizeof *o->refused);
    o->refused->count++;
    kind *k = kind_of(o, n);
    if (!k || k->count++)
        return TN_OK;
    va_start(args, format);
    tn_vprint(why, sizeof why, format, args);
    va_end(args);
    k->first = n->name;
    k->why = tn_onnx_copy_text(o, (tn_proto_span){(const uint8_t *)why, strlen(why)});
    return k->why ? TN_OK : (o->status = tn_no_memory("a model", strlen(why)));
}

tn_status tn_onnx_note(tn_onnx *o, const tn_onnx_node *n, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    tn_vprint(text, sizeof text, format, args);
    va_end(args);
    return tn_model_add_notice(o->m, "%s \"%s\": %s", n->op, n->name, text);
}

tn_status tn_onnx_leave_out(tn_onnx *o, const tn_onnx_node *n, const char *why)
{
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i])
            n->out[i]->made = true;
    if (!o->left_out) {
        char *text = tn_format("%s \"%s\": %s", n->op, n->name, why);
        o->left_out =
            text ? tn_onnx_copy_text(o, (tn_proto_span){(const uint8_t *)text, strlen(text)})
                 : NULL;
        tn_free(text);
        if (!o->left_out)
            return o->status = tn_no_memory("a model", strlen(why));
    }
    return tn_onnx_note(o, n, "left out, with what depends on it: %s", why);
}

tn_status tn_onnx_refused(const tn_onnx *o, int num_nodes)
{
    char text[900];
    size_t used = 0;
    const struct tn_onnx_refused *r = o->refused;
    if (!r || !r->count)
        return TN_OK;
    for (int i = 0; i < r->kinds && used + 1 < sizeof text; i++) {
        const kind *k = &r->of[i];
        tn_print(text + used, sizeof text - used, "%s%s (%d, %s\"%s\"): %s", i ? "; " : "", k->op,
                 k->count, k->count > 1 ? "first " : "", k->first, k->why ? k->why : "");
        used = strlen(text);
    }
    return tn_fail(TN_ERR_UNSUPPORTED, "%s: %d of %d nodes cannot be imported: %s", o->m->path,
                   r->count, num_nodes, text);
}
