/*
 * value: a model's values by name, and what a node sees of those it reads.
 */
#include <string.h>

#include <tenon/shapes.h>

#include "base/random.h"
#include "onnx/known.h"
#include "onnx/table.h"

/* ---- by name ---------------------------------------------------------------------------------- */

struct tn_onnx_table {
    tn_onnx_value *
        *place; /* each at the first free place from its name's hash on; at most half are taken */
    size_t places, count;
};

static size_t place_of(const tn_onnx_table *t, const char *name)
{
    size_t i = (size_t)tn_hash_text(name) & (t->places - 1);
    while (t->place[i] && strcmp(t->place[i]->name, name) != 0)
        i = (i + 1) & (t->places - 1);
    return i;
}

static tn_status make_room(tn_onnx_table *t)
{
    tn_onnx_table more = {.places = t->places ? 2 * t->places : 256, .count = t->count};
    if (2 * (t->count + 1) <= t->places)
        return TN_OK;
    more.place = tn_alloc(more.places, sizeof *more.place);
    if (!more.place)
        return tn_no_memory("a model", more.places * sizeof *more.place);
    for (size_t i = 0; i < t->places; i++)
        if (t->place[i])
            more.place[place_of(&more, t->place[i]->name)] = t->place[i];
    tn_free(t->place);
    *t = more;
    return TN_OK;
}

char *tn_onnx_copy_text(tn_onnx *o, tn_proto_span text)
{
    char *copy = tn_arena_alloc(&o->arena, text.size + 1, 1);
    if (copy && text.size)
        memcpy(copy, text.at, text.size);
    return copy;
}

tn_onnx_value *tn_onnx_find(const tn_onnx *o, const char *name)
{
    const tn_onnx_table *t = o->table;
    return t->places ? t->place[place_of(t, name)] : NULL;
}

tn_status tn_onnx_value_of(tn_onnx *o, tn_proto_span name, tn_onnx_value **out)
{
    tn_onnx_table *t = o->table;
    const char *copy = tn_onnx_copy_text(o, name);
    if (!copy)
        return tn_no_memory("a model", name.size);
    TN_TRY(make_room(t));
    const size_t place = place_of(t, copy);
    if (!t->place[place]) {
        tn_onnx_value *v = tn_arena_alloc(&o->arena, 1, sizeof *v);
        if (!v)
            return tn_no_memory("a model", sizeof *v);
        v->name = copy;
        t->place[place] = v;
        t->count++;
    }
    *out = t->place[place];
    return TN_OK;
}

/* A new value takes the name; the one that had it is noted. */
static tn_status hide(tn_onnx *o, tn_proto_span name, tn_onnx_scope *scope)
{
    tn_onnx_value *own = tn_arena_alloc(&o->arena, 1, sizeof *own), *v;
    if (!own)
        return tn_no_memory("a model", sizeof *own);
    TN_TRY(tn_onnx_value_of(o, name, &v));
    own->name = v->name;
    o->table->place[place_of(o->table, v->name)] = own;
    scope->hidden[scope->count++] = v;
    return TN_OK;
}

tn_status tn_onnx_enter(tn_onnx *o, const tn_proto *graph, tn_onnx_scope *scope)
{
    size_t most = tn_proto_count(graph, GRAPH_TENSOR);
    for (tn_proto_walk n = tn_proto_begin(graph, GRAPH_NODE); tn_proto_next(&n);)
        most += tn_proto_count(&n.message, NODE_OUTPUT);
    *scope = (tn_onnx_scope){.hidden = tn_arena_alloc(&o->arena, most + 1, sizeof *scope->hidden)};
    if (!scope->hidden)
        return tn_no_memory("a model", most * sizeof *scope->hidden);
    for (tn_proto_walk t = tn_proto_begin(graph, GRAPH_TENSOR); tn_proto_next(&t);)
        TN_TRY(hide(o, tn_proto_bytes(&t.message, TENSOR_NAME), scope));
    for (tn_proto_walk n = tn_proto_begin(graph, GRAPH_NODE); tn_proto_next(&n);)
        for (tn_proto_walk y = tn_proto_begin(&n.message, NODE_OUTPUT); tn_proto_next(&y);)
            if (y.bytes.size)
                TN_TRY(hide(o, y.bytes, scope));
    return TN_OK;
}

void tn_onnx_leave(tn_onnx *o, const tn_onnx_scope *scope)
{
    for (size_t i = scope->count; i-- > 0;)
        o->table->place[place_of(o->table, scope->hidden[i]->name)] = scope->hidden[i];
}

tn_status tn_onnx_table_create(tn_onnx *o)
{
    o->table = tn_alloc(1, sizeof *o->table);
    return o->table ? TN_OK : tn_no_memory("a model", sizeof *o->table);
}

void tn_onnx_table_destroy(tn_onnx *o)
{
    if (o->table)
        tn_free(o->table->place);
    tn_free(o->table);
}

/* ---- what a node reads ------------------------------------------------------------------------ */

bool tn_onnx_has(const tn_onnx_node *n, int i)
{
    return i >= 0 && i < n->num_in && n->in[i];
}

bool tn_onnx_wants(const tn_onnx_node *n, int i)
{
    return i < n->num_out && n->out[i] && n->out[i]->readers > 0;
}

tn_onnx_known *tn_onnx_given(const tn_onnx_node *n, int i)
{
    return tn_onnx_has(n, i) ? n->in[i]->known : NULL;
}

bool tn_onnx_is_there(const tn_onnx_value *v)
{
    return v->v.id || v->known || v->pixels || v->quantised || v->turned || v->merged;
}

void tn_onnx_settle(tn_onnx *o, tn_onnx_value *v)
{
    if (v->v.id)
        return;
    if (v->pixels)
        v->v = tn_onnx_make_pixels(o, v->pixels);
    else if (v->turned)
        v->v = tn_transpose(o->g, v->turned->x,
                            &(tn_transpose_opts){.name = v->turned->name, .axes = v->turned->axes});
    else if (v->merged)
        v->v = tn_onnx_make_merged(o, v->merged);
}

bool tn_onnx_any(tn_onnx *o, const tn_onnx_node *n, int i, tn_value *out)
{
    *out = (tn_value){0};
    if (!tn_onnx_has(n, i)) {
        (void)tn_onnx_refuse(o, n, "it has no input number %d", i);
        return false;
    }
    tn_onnx_value *v = n->in[i];
    if (v->quantised) {
        (void)tn_onnx_refuse(o, n,
                             "its input \"%s\" is of whole numbers of few bits, which only a "
                             "DequantizeLinear takes",
                             v->name);
        return false;
    }
    tn_onnx_settle(o, v);
    if (!v->v.id && v->known && !tn_onnx_as_value(o, n, v->known, v->name, &v->v))
        return false;
    *out = v->v;
    return true;
}

bool tn_onnx_x(tn_onnx *o, const tn_onnx_node *n, int i, tn_value *out)
{
    tn_dtype dtype;
    if (!tn_onnx_any(o, n, i, out))
        return false;
    if (!out->id || tn_value_dtype(o->g, *out, &dtype) != TN_OK)
        return true; /* the graph has failed, which is told */
    if (dtype == TN_F32)
        return true;
    (void)tn_onnx_refuse(
        o, n, "its input \"%s\" is of integers, which are computed with by none of Tenon's layers",
        n->in[i]->name);
    return false;
}

bool tn_onnx_all(tn_onnx *o, const tn_onnx_node *n, tn_value *out, int room)
{
    if (n->num_in < 1 || n->num_in > room) {
        (void)tn_onnx_refuse(o, n, "it has %d inputs; 1 to %d are imported", n->num_in, room);
        return false;
    }
    for (int i = 0; i < n->num_in; i++)
        if (!tn_onnx_x(o, n, i, &out[i]))
            return false;
    return true;
}

/* ---- numbers that operators have as attributes, and then as inputs ----------------------------- */

static bool known_input(tn_onnx *o, const tn_onnx_node *n, int i, const tn_onnx_number **number,
                        int64_t *count)
{
    tn_onnx_known *k = tn_onnx_given(n, i);
    if (!k) {
        (void)tn_onnx_refuse(o, n, "its input \"%s\" is not known before the model runs",
                             n->in[i]->name);
        return false;
    }
    *count = k->count;
    if (tn_onnx_numbers(o, k, number) == TN_OK && *number)
        return true;
    (void)tn_onnx_refuse(o, n, "its input \"%s\" has %lld elements, more than are looked at",
                         n->in[i]->name, (long long)k->count);
    return false;
}

static bool take_wholes(tn_onnx *o, const tn_onnx_node *n, int i, int64_t *to, int room, int *count)
{
    const tn_onnx_number *number;
    int64_t has;
    const tn_onnx_known *k = tn_onnx_given(n, i);
    if (!known_input(o, n, i, &number, &has))
        return false;
    if (has > room || tn_onnx_is_real(k->type)) {
        (void)tn_onnx_refuse(o, n, "its input \"%s\" is not a list of up to %d integers",
                             n->in[i]->name, room);
        return false;
    }
    for (int64_t j = 0; j < has; j++) {
        to[j] = number[j].whole;
        if (number[j].times_n) {
            (void)tn_onnx_refuse(o, n, "its input \"%s\" depends on the batch", n->in[i]->name);
            return false;
        }
    }
    *count = (int)has;
    return true;
}

bool tn_onnx_wholes(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, int64_t *to,
                    int room, int *count)
{
    tn_proto a;
    *count = -1;
    if (tn_onnx_has(n, i))
        return take_wholes(o, n, i, to, room, count);
    if (!attr || !tn_onnx_attr(n, attr, &a))
        return true;
    const size_t has = tn_onnx_ints(n, attr, to, (size_t)room);
    if (has > (size_t)room) {
        (void)tn_onnx_refuse(o, n, "%s has %zu numbers, more than %d", attr, has, room);
        return false;
    }
    *count = (int)has;
    return true;
}

bool tn_onnx_number_of(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, double *value)
{
    const tn_onnx_number *number;
    int64_t count;
    if (attr)
        *value = tn_onnx_real(n, attr, *value);
    if (!tn_onnx_has(n, i))
        return true;
    if (!known_input(o, n, i, &number, &count))
        return false;
    if (count != 1 || number->times_n) {
        (void)tn_onnx_refuse(o, n, "its input \"%s\" is not one number", n->in[i]->name);
        return false;
    }
    *value = tn_onnx_is_real(n->in[i]->known->type) ? number->real : (double)number->whole;
    return true;
}

int tn_onnx_axis(tn_onnx *o, const tn_onnx_node *n, int ndim, int64_t axis)
{
    const int64_t from_0 = axis < 0 ? axis + ndim : axis;
    if (from_0 >= 0 && from_0 < ndim)
        return (int)from_0;
    (void)tn_onnx_refuse(o, n, "its input has %d dimensions, and none is number %lld", ndim,
                         (long long)axis);
    return -1;
}

/* ---- what it makes ---------------------------------------------------------------------------- */

tn_status tn_onnx_give(tn_onnx *o, const tn_onnx_node *n, int i, tn_value v)
{
    (void)o;
    if (i < n->num_out && n->out[i]) {
        n->out[i]->v = v;
        n->out[i]->made = true;
    }
    return TN_OK;
}

tn_status tn_onnx_give_known(tn_onnx *o, const tn_onnx_node *n, int i, tn_onnx_known *k)
{
    (void)o;
    if (i < n->num_out && n->out[i]) {
        n->out[i]->known = k;
        n->out[i]->made = true;
    }
    return TN_OK;
}
