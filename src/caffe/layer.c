/*
 * layer: a net's layers, of the form of today ("layer") and the one before ("layers"), those that belong to the phase.
 */
#include <stdio.h>
#include <string.h>

#include "caffe/import.h"

const char *tn_caffe_copy(tn_caffe *c, tn_proto_span text)
{
    char *copy = tn_arena_alloc(&c->arena, text.size + 1, 1);
    if (copy && text.size)
        memcpy(copy, text.at, text.size);
    return copy;
}

tn_proto tn_caffe_param(const tn_caffe_layer *l, int number)
{
    tn_proto found;
    (void)tn_proto_message(&l->message, l->old ? tn_caffe_old_number(number) : number, &found);
    return found;
}

/* ---- which layers ----------------------------------------------------------------------------- */

/* Every rule that it has is met by the phase; there are no stages, and the level is 0. */
static bool meets(const tn_proto *rule, int64_t phase)
{
    return tn_proto_int(rule, RULE_PHASE, phase) == phase &&
           tn_proto_int(rule, RULE_MIN_LEVEL, 0) <= 0 &&
           tn_proto_int(rule, RULE_MAX_LEVEL, 0) >= 0 && !tn_proto_has(rule, RULE_STAGE);
}

static bool belongs(const tn_proto *layer, bool old, int64_t phase)
{
    const int include = old ? OLD_INCLUDE : LAYER_INCLUDE;
    const int exclude = old ? OLD_EXCLUDE : LAYER_EXCLUDE;
    if (!old && tn_proto_int(layer, LAYER_PHASE, phase) != phase)
        return false;
    bool in = !tn_proto_has(layer, include);
    for (tn_proto_walk w = tn_proto_begin(layer, include); tn_proto_next(&w);)
        in |= meets(&w.message, phase);
    for (tn_proto_walk w = tn_proto_begin(layer, exclude); tn_proto_next(&w);)
        in &= !meets(&w.message, phase);
    return in;
}

/* ---- one layer -------------------------------------------------------------------------------- */

static tn_status read_names(tn_caffe *c, const tn_proto *layer, int number, int *count,
                            const char ***out)
{
    int i = 0;
    *count = 0;
    for (tn_proto_walk w = tn_proto_begin(layer, number); tn_proto_next(&w);)
        ++*count;
    *out = tn_arena_alloc(&c->arena, (size_t)*count + 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a net", (size_t)*count * sizeof **out);
    for (tn_proto_walk w = tn_proto_begin(layer, number); tn_proto_next(&w); i++)
        if (!((*out)[i] = tn_caffe_copy(c, w.bytes)))
            return tn_no_memory("a net", w.bytes.size);
    return TN_OK;
}

static tn_status read_type(tn_caffe *c, tn_caffe_layer *l)
{
    const tn_proto *m = &l->message;
    l->type = l->old ? tn_caffe_type_name(tn_proto_int(m, OLD_TYPE, 0))
                     : tn_caffe_copy(c, tn_proto_bytes(m, LAYER_TYPE));
    if (l->old && tn_proto_has(m, OLD_LAYER))
        return tn_fail(TN_ERR_FORMAT,
                       "%s:%d: is of the oldest form (layers { layer { ... } }); Caffe's "
                       "upgrade_net_proto_text makes it new",
                       c->m->path, tn_proto_line(m));
    l->type = l->type ? l->type : "";
    return TN_OK;
}

static tn_status read_layer(tn_caffe *c, const tn_proto *message, bool old, tn_caffe_layer *l)
{
    *l = (tn_caffe_layer){.message = *message, .old = old};
    l->name = tn_caffe_copy(c, tn_proto_bytes(message, old ? OLD_NAME : LAYER_NAME));
    if (!l->name)
        return tn_no_memory("a net", 1);
    TN_TRY(read_type(c, l));
    TN_TRY(read_names(c, message, old ? OLD_BOTTOM : LAYER_BOTTOM, &l->num_bottoms, &l->bottom));
    return read_names(c, message, old ? OLD_TOP : LAYER_TOP, &l->num_tops, &l->top);
}

static bool is_loss(const tn_proto *layer, bool old)
{
    const tn_proto_span type = tn_proto_bytes(layer, LAYER_TYPE);
    const char *name = old ? tn_caffe_type_name(tn_proto_int(layer, OLD_TYPE, 0)) : NULL;
    const char *at = name ? name : (const char *)type.at;
    const size_t size = name ? strlen(name) : type.at ? type.size : 0;
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(at + i, "Loss", 4) == 0)
            return true;
    return false;
}

static bool is_taken(const tn_caffe *c, const tn_caffe_layer *l, const char *name)
{
    for (const tn_caffe_layer *other = c->layer; other < l; other++)
        if (strcmp(other->name, name) == 0)
            return true;
    return false;
}

/* Caffe takes several of a name, and nodes have one each: a further one, which has no numbers of its own, is "loss_2". */
static tn_status make_unique(tn_caffe *c, tn_caffe_layer *l)
{
    const size_t size = strlen(l->name) + 16;
    if (!is_taken(c, l, l->name))
        return TN_OK;
    char *name = tn_arena_alloc(&c->arena, size, 1);
    if (!name)
        return tn_no_memory("a net", size);
    int number = 2;
    do
        (void)snprintf(name, size, "%s_%d", l->name, number++);
    while (is_taken(c, l, name));
    l->name = name;
    return TN_OK;
}

tn_status tn_caffe_read_layers(tn_caffe *c, const tn_proto *net)
{
    const bool old = tn_proto_has(net, NET_LAYERS);
    const int number = old ? NET_LAYERS : NET_LAYER;
    size_t count = 0;
    if (old && tn_proto_has(net, NET_LAYER))
        return tn_fail(TN_ERR_FORMAT, "%s: has layers of both forms, layer and layers", c->m->path);
    for (tn_proto_walk w = tn_proto_begin(net, number); tn_proto_next(&w); count++)
        c->trains |= is_loss(&w.message, old);
    c->layer = tn_arena_alloc(&c->arena, count + 1, sizeof *c->layer);
    if (!c->layer)
        return tn_no_memory("a net", count * sizeof *c->layer);
    const int64_t phase = c->trains ? PHASE_TRAIN : PHASE_TEST;
    for (tn_proto_walk w = tn_proto_begin(net, number); tn_proto_next(&w);)
        if (belongs(&w.message, old, phase)) {
            TN_TRY(read_layer(c, &w.message, old, &c->layer[c->num_layers]));
            TN_TRY(make_unique(c, &c->layer[c->num_layers++]));
        }
    return TN_OK;
}
