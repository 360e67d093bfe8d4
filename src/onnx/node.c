/*
 * node: a model's nodes, and their attributes.
 */
#include <stdio.h>
#include <string.h>

#include "onnx/table.h"

enum { MOST_NODES = 1000000 };

/* ---- attributes ------------------------------------------------------------------------------- */

bool tn_onnx_attr(const tn_onnx_node *n, const char *name, tn_proto *out)
{
    for (tn_proto_walk w = tn_proto_begin(&n->message, NODE_ATTRIBUTE); tn_proto_next(&w);)
        if (tn_proto_is(&w.message, ATTR_NAME, name)) {
            *out = w.message;
            return true;
        }
    *out = (tn_proto){tn_onnx_attribute, {NULL, 0}};
    return false;
}

/* Where its value is, by the type that it says; an old one says none, and one of 0 may have no field. */
static int field_of(const tn_proto *a, int wanted)
{
    static const int fields[] = {ATTR_F, ATTR_I,      ATTR_S,    ATTR_T,
                                 ATTR_G, ATTR_FLOATS, ATTR_INTS, ATTR_STRINGS};
    const int64_t type = tn_proto_int(a, ATTR_TYPE, 0);
    if (type >= ATTR_IS_FLOAT && type <= ATTR_IS_STRINGS)
        return fields[type - ATTR_IS_FLOAT];
    for (size_t i = 0; i < TN_COUNT(fields) && !tn_proto_has(a, wanted); i++)
        if (tn_proto_has(a, fields[i]))
            return fields[i];
    return wanted;
}

static bool typed(const tn_onnx_node *n, const char *name, int field, tn_proto *out)
{
    if (!tn_onnx_attr(n, name, out))
        return false;
    if (field_of(out, field) == field)
        return true;
    if (n->o)
        (void)tn_onnx_refuse(n->o, n, "its %s is of another type than is read", name);
    return false;
}

int64_t tn_onnx_int(const tn_onnx_node *n, const char *name, int64_t fallback)
{
    tn_proto a;
    return typed(n, name, ATTR_I, &a) ? tn_proto_int(&a, ATTR_I, 0) : fallback;
}

double tn_onnx_real(const tn_onnx_node *n, const char *name, double fallback)
{
    tn_proto a;
    return typed(n, name, ATTR_F, &a) ? tn_proto_real(&a, ATTR_F, 0) : fallback;
}

bool tn_onnx_is(const tn_onnx_node *n, const char *name, const char *text)
{
    tn_proto a;
    return typed(n, name, ATTR_S, &a) && tn_proto_is(&a, ATTR_S, text);
}

int tn_onnx_word(tn_onnx *o, const tn_onnx_node *n, const char *name, const char *const *words,
                 int fallback)
{
    tn_proto a;
    if (!tn_onnx_attr(n, name, &a))
        return fallback;
    for (int i = 0; words[i]; i++)
        if (tn_onnx_is(n, name, words[i]))
            return i;
    (void)tn_onnx_refuse(o, n, "its %s is %s", name, tn_onnx_text(o, n, name));
    return -1;
}

size_t tn_onnx_ints(const tn_onnx_node *n, const char *name, int64_t *to, size_t room)
{
    tn_proto a;
    return typed(n, name, ATTR_INTS, &a) ? tn_proto_ints(&a, ATTR_INTS, to, room) : 0;
}

size_t tn_onnx_floats(const tn_onnx_node *n, const char *name, float *to, size_t room)
{
    tn_proto a;
    return typed(n, name, ATTR_FLOATS, &a) ? tn_proto_floats(&a, ATTR_FLOATS, to, room) : 0;
}

const char *tn_onnx_text(tn_onnx *o, const tn_onnx_node *n, const char *name)
{
    tn_proto a;
    (void)tn_onnx_attr(n, name, &a);
    const char *copy = tn_onnx_copy_text(o, tn_proto_bytes(&a, ATTR_S));
    o->status = copy ? o->status : tn_no_memory("a model", 1);
    return copy ? copy : "";
}

/* ---- reading ---------------------------------------------------------------------------------- */

static tn_status read_values(tn_onnx *o, const tn_proto *m, int number, int *count,
                             tn_onnx_value ***out)
{
    int i = 0;
    *count = 0;
    for (tn_proto_walk w = tn_proto_begin(m, number); tn_proto_next(&w);)
        ++*count;
    *out = tn_arena_alloc(&o->arena, (size_t)*count + 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a model", (size_t)*count * sizeof **out);
    for (tn_proto_walk w = tn_proto_begin(m, number); tn_proto_next(&w); i++)
        if (w.bytes.size) /* else it is left out */
            TN_TRY(tn_onnx_value_of(o, w.bytes, &(*out)[i]));
    return TN_OK;
}

static tn_status read_node(tn_onnx *o, const tn_proto *m, tn_onnx_node *n)
{
    *n = (tn_onnx_node){.o = o, .message = *m};
    n->op = tn_onnx_copy_text(o, tn_proto_bytes(m, NODE_OP));
    n->domain = tn_onnx_copy_text(o, tn_proto_bytes(m, NODE_DOMAIN));
    n->name = tn_onnx_copy_text(o, tn_proto_bytes(m, NODE_NAME));
    if (!n->op || !n->domain || !n->name)
        return tn_no_memory("a model", m->bytes.size);
    TN_TRY(read_values(o, m, NODE_INPUT, &n->num_in, &n->in));
    TN_TRY(read_values(o, m, NODE_OUTPUT, &n->num_out, &n->out));
    for (int i = 0; i < n->num_in; i++)
        if (n->in[i])
            n->in[i]->readers++;
    return TN_OK;
}

tn_status tn_onnx_read_nodes(tn_onnx *o, const tn_proto *graph, tn_onnx_node **out, int *count)
{
    long long nodes = 0;
    *count = 0;
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_NODE); tn_proto_next(&w);)
        nodes++;
    if (nodes > MOST_NODES)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: has %lld nodes, more than %d", o->m->path, nodes,
                       MOST_NODES);
    *out = tn_arena_alloc(&o->arena, (size_t)nodes + 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a model", (size_t)nodes * sizeof **out);
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_NODE); tn_proto_next(&w);)
        TN_TRY(read_node(o, &w.message, &(*out)[(*count)++]));
    return TN_OK;
}

/* ---- names ------------------------------------------------------------------------------------ */

const char *tn_onnx_free_name(tn_onnx *o, const char *name)
{
    const tn_proto_span text = {(const uint8_t *)name, strlen(name)};
    const size_t size = text.size + 16;
    tn_onnx_value *v;
    char *made = tn_arena_alloc(&o->arena, size, 1);
    if (!made) {
        o->status = tn_no_memory("a model", size);
        return NULL;
    }
    memcpy(made, name, text.size + 1);
    if (!tn_graph_value(o->g, made).id)
        return made;
    o->status = tn_onnx_value_of(o, text, &v);
    while (o->status == TN_OK && tn_graph_value(o->g, made).id)
        (void)snprintf(made, size, "%s_%d", name, ++v->names + 1);
    return o->status == TN_OK ? made : NULL;
}

static bool is_output(const tn_onnx_node *n, const tn_onnx_value *v)
{
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i] == v)
            return true;
    return false;
}

/* What is named as a value of the model, which may become one of the graph, is no name for something else. */
static bool is_free(const tn_onnx *o, const tn_onnx_node *n, const char *name)
{
    const tn_onnx_value *v = tn_onnx_find(o, name);
    return *name && (!v || is_output(n, v)) && !tn_graph_value(o->g, name).id;
}

/* What programs ask for is an output, so that one's name comes first. */
const char *tn_onnx_node_name(tn_onnx *o, const tn_onnx_node *n)
{
    if (n->num_out && n->out[0] && n->out[0]->output && is_free(o, n, n->out[0]->name))
        return n->out[0]->name;
    if (is_free(o, n, n->name))
        return n->name;
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i])
            return tn_onnx_free_name(o, n->out[i]->name);
    return tn_onnx_free_name(o, *n->op ? n->op : "node");
}
