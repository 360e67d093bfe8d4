/*
 * value: Caffe's blobs by name, which a layer may write in place; what is refused, and what is only told.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "caffe/import.h"

/* ---- telling ---------------------------------------------------------------------------------- */

/* " (line 5)" of a text. */
static const char *say_place(const tn_caffe_layer *l, char *text, size_t size)
{
    const int line = tn_proto_line(&l->message);
    *text = '\0';
    if (line)
        tn_print(text, size, " (line %d)", line);
    return text;
}

tn_status tn_caffe_refuse(tn_caffe *c, const tn_caffe_layer *l, const char *format, ...)
{
    char why[300];
    va_list args;
    va_start(args, format);
    tn_vprint(why, sizeof why, format, args);
    va_end(args);
    const size_t used = strlen(c->refused);
    char place[24];
    tn_print(c->refused + used, sizeof c->refused - used, "%s%s \"%s\"%s: %s", used ? "; " : "",
             l->type, l->name, say_place(l, place, sizeof place), why);
    c->num_refused++;
    for (int i = 0; i < l->num_tops; i++)
        TN_TRY(tn_caffe_top(c, l, i, (tn_value){0}));
    return TN_OK;
}

tn_status tn_caffe_note(tn_caffe *c, const tn_caffe_layer *l, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    tn_vprint(text, sizeof text, format, args);
    va_end(args);
    char place[24];
    return tn_model_add_notice(c->m, "%s \"%s\"%s: %s", l->type, l->name,
                               say_place(l, place, sizeof place), text);
}

/* ---- blobs ------------------------------------------------------------------------------------ */

tn_caffe_value *tn_caffe_find(tn_caffe *c, const char *blob)
{
    for (size_t i = c->num_values; i > 0; i--)
        if (strcmp(c->value[i - 1].blob, blob) == 0)
            return &c->value[i - 1];
    return NULL;
}

bool tn_caffe_bottom(tn_caffe *c, const tn_caffe_layer *l, int index, tn_value *out)
{
    tn_caffe_value *found = index < l->num_bottoms ? tn_caffe_find(c, l->bottom[index]) : NULL;
    *out = found ? found->v : (tn_value){0};
    if (found)
        found->readers++;
    else if (index < l->num_bottoms)
        (void)tn_caffe_refuse(c, l, "nothing makes its input \"%s\"", l->bottom[index]);
    else
        (void)tn_caffe_refuse(c, l, "it has %d inputs", l->num_bottoms);
    if (found && !out->id) /* refused before: so is what it makes */
        for (int i = 0; i < l->num_tops; i++)
            (void)tn_caffe_top(c, l, i, (tn_value){0});
    return out->id;
}

bool tn_caffe_bottoms(tn_caffe *c, const tn_caffe_layer *l, int least, tn_value *out, int room)
{
    if (l->num_bottoms < least || l->num_bottoms > room) {
        (void)tn_caffe_refuse(c, l, "it has %d inputs", l->num_bottoms);
        return false;
    }
    for (int i = 0; i < l->num_bottoms; i++)
        if (!tn_caffe_bottom(c, l, i, &out[i]))
            return false;
    return true;
}

tn_status tn_caffe_top(tn_caffe *c, const tn_caffe_layer *l, int index, tn_value v)
{
    if (index >= l->num_tops)
        return TN_OK;
    TN_TRY(
        tn_grow((void **)&c->value, c->num_values, &c->value_capacity, sizeof *c->value, "a net"));
    c->value[c->num_values++] = (tn_caffe_value){l->top[index], v, 0};
    return TN_OK;
}

/* ---- what several layers are made of ---------------------------------------------------------- */

const char *tn_caffe_name(tn_caffe *c, const tn_caffe_layer *l, const char *part)
{
    const size_t size = strlen(l->name) + strlen(part) + 2;
    char *name = tn_arena_alloc(&c->arena, size, 1);
    if (name)
        (void)snprintf(name, size, "%s/%s", l->name, part);
    return name; /* NULL: the graph makes one up */
}

static tn_value number(tn_caffe *c, const tn_caffe_layer *l, const char *part, float value)
{
    char name[40];
    (void)snprintf(name, sizeof name, "%s_number", part);
    return tn_constant(c->g, tn_caffe_name(c, l, name), (tn_tensor){TN_F32, {0}, &value});
}

tn_value tn_caffe_times(tn_caffe *c, const tn_caffe_layer *l, const char *part, tn_value x,
                        float factor)
{
    if (factor == 1)
        return x;
    return tn_mul(c->g, x, number(c, l, part, factor), &(tn_layer_opts){tn_caffe_name(c, l, part)});
}

tn_value tn_caffe_plus(tn_caffe *c, const tn_caffe_layer *l, const char *part, tn_value x,
                       float term)
{
    if (term == 0)
        return x;
    return tn_add(c->g, x, number(c, l, part, term), &(tn_layer_opts){tn_caffe_name(c, l, part)});
}

int tn_caffe_axis(tn_caffe *c, const tn_caffe_layer *l, const tn_shape *shape, int64_t axis)
{
    const int64_t from_0 = axis < 0 ? axis + shape->ndim : axis;
    if (from_0 >= 0 && from_0 < shape->ndim)
        return (int)from_0;
    (void)tn_caffe_refuse(c, l, "its input has %d dimensions, and none is number %lld", shape->ndim,
                          (long long)axis);
    return -1;
}
