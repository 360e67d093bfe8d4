/*
 * export_values: what a writer says: values by name, tensors, nodes and attributes; and what cannot be said.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "onnx/export.h"

static void *take(tn_onnx_out *e, size_t count, size_t size)
{
    void *p = tn_arena_alloc(&e->arena, count, size);
    if (!p && e->file.status == TN_OK)
        e->file.status = tn_no_memory("a model", count * size);
    return p;
}

/* ---- tensors ---------------------------------------------------------------------------------- */

static tn_proto_mark begin_tensor(tn_onnx_out *e, const char *name, tn_onnx_type type,
                                  const tn_shape *shape)
{
    const tn_proto_mark tensor = tn_proto_put_message(&e->file, GRAPH_TENSOR);
    for (int i = 0; i < shape->ndim; i++)
        tn_proto_put_int(&e->file, TENSOR_DIMS, shape->dim[i]);
    tn_proto_put_int(&e->file, TENSOR_TYPE, type);
    tn_proto_put_text(&e->file, TENSOR_NAME, name);
    return tensor;
}

static void put_tensor(tn_onnx_out *e, const char *name, tn_onnx_type type, const tn_shape *shape,
                       const void *data, size_t bytes)
{
    const tn_proto_mark tensor = begin_tensor(e, name, type, shape);
    tn_proto_put_bytes(&e->file, TENSOR_RAW, data, bytes);
    tn_proto_end_message(&e->file, tensor);
}

static tn_status read_number(const void *m, size_t index, void *to)
{
    const tn_numbers *numbers = &((const tn_model *)m)->numbers;
    return numbers->read(numbers, index, to);
}

/* The numbers of a parameter are read when the file is written. */
static void put_param(tn_onnx_out *e, const char *name, const char *number, const tn_shape *shape)
{
    const tn_numbers *numbers = &e->m->numbers;
    tn_shape found;
    size_t bytes;
    if (e->file.status != TN_OK)
        return;
    const ptrdiff_t index = numbers->find(numbers, number, &found);
    e->file.status = index < 0
                         ? tn_fail(TN_ERR_ARGUMENT, "%s: has no numbers for %s", e->m->path, number)
                         : tn_shape_bytes(&found, TN_F32, &bytes);
    if (e->file.status != TN_OK)
        return;
    const tn_proto_mark tensor = begin_tensor(e, name, ONNX_F32, shape);
    tn_proto_lend_later(&e->file, TENSOR_RAW, bytes, read_number, e->m, (size_t)index);
    tn_proto_end_message(&e->file, tensor);
}

static tn_onnx_type type_of(tn_dtype dtype)
{
    return dtype == TN_U8 ? ONNX_U8 : dtype == TN_I32 ? ONNX_I32 : ONNX_F32;
}

/* ---- values ----------------------------------------------------------------------------------- */

void tn_onnx_put_value(tn_onnx_out *e, int field, const char *name, tn_dtype dtype,
                       const tn_shape *shape, int batch)
{
    const tn_proto_mark value = tn_proto_put_message(&e->file, field);
    tn_proto_put_text(&e->file, VALUE_NAME, name);
    const tn_proto_mark type = tn_proto_put_message(&e->file, VALUE_TYPE);
    const tn_proto_mark tensor = tn_proto_put_message(&e->file, TYPE_TENSOR);
    tn_proto_put_int(&e->file, TYPE_ELEMENT, type_of(dtype));
    const tn_proto_mark dims = tn_proto_put_message(&e->file, TYPE_SHAPE);
    for (int i = 0; i < shape->ndim; i++) {
        const tn_proto_mark dim = tn_proto_put_message(&e->file, SHAPE_DIM);
        if (e->open_batch && i == batch)
            tn_proto_put_text(&e->file, DIM_PARAM, "N");
        else if (!e->open_batch || batch != TN_BATCH_MIXED)
            tn_proto_put_int(&e->file, DIM_VALUE, shape->dim[i]);
        tn_proto_end_message(&e->file, dim);
    }
    tn_proto_end_message(&e->file, dims);
    tn_proto_end_message(&e->file, tensor);
    tn_proto_end_message(&e->file, type);
    tn_proto_end_message(&e->file, value);
}

static const char *new_name(tn_onnx_out *e, const char *of, const char *part)
{
    const size_t size = strlen(of) + strlen(part) + 24;
    char *name = take(e, size, 1);
    if (!name)
        return "";
    (void)snprintf(name, size, "%s/%s", of, part);
    while (tn_graph_value(e->g, name).id)
        (void)snprintf(name, size, "%s/%s_%d", of, part, ++e->parts);
    return name;
}

const char *tn_onnx_part_name(tn_onnx_out *e, const tn_node *n, const char *part)
{
    return new_name(e, n->name, part);
}

const char *tn_onnx_value_name(tn_onnx_out *e, int32_t id)
{
    const tn_made *v = &e->g->value[id - 1];
    const tn_node *n = e->g->node[v->node];
    if (e->name[id - 1])
        return e->name[id - 1];
    e->name[id - 1] = e->reshaped[id - 1] ? new_name(e, v->name, "own") : v->name;
    if (n->op == &tn_op_input) {
        tn_onnx_put_value(e, GRAPH_INPUT, v->name, n->y_dtype[0], &n->y[0], n->y_batch[0]);
    } else if (n->op == &tn_op_param) {
        put_param(e, e->name[id - 1], v->name, &n->y[0]);
    } else if (n->op == &tn_op_constant) {
        const tn_constant_node_opts *o = n->opts;
        put_tensor(e, v->name, type_of(o->dtype), &o->shape, o->data,
                   (size_t)tn_elements(&o->shape) * tn_dtype_bytes(o->dtype));
    }
    return e->name[id - 1];
}

const char *tn_onnx_x_name(tn_onnx_out *e, const tn_node *n, int i)
{
    return tn_onnx_value_name(e, n->in[i]);
}

const char *tn_onnx_output_name(tn_onnx_out *e, const tn_node *n, int i)
{
    return tn_onnx_value_name(e, n->out[i]);
}

const char *tn_onnx_y_name(tn_onnx_out *e, const tn_node *n)
{
    return tn_onnx_output_name(e, n, 0);
}

const char *tn_onnx_weight_name(tn_onnx_out *e, const tn_node *n, int i, const tn_shape *shape)
{
    const int32_t id = n->w[i];
    const char *own = e->g->value[id - 1].name;
    if (!shape || tn_shape_equal(shape, &n->param[i].shape))
        return tn_onnx_value_name(e, id);
    const bool taken = e->name[id - 1] || e->reshaped[id - 1];
    const char *name = taken ? tn_onnx_part_name(e, n, n->param[i].name) : own;
    e->reshaped[id - 1] = true;
    put_param(e, name, own, shape);
    return name;
}

const char *tn_onnx_list_name(tn_onnx_out *e, const tn_node *n, const char *part,
                              const int64_t *value, int count)
{
    const char *name = tn_onnx_part_name(e, n, part);
    const tn_shape shape = TN_SHAPE(count);
    put_tensor(e, name, ONNX_I64, &shape, value, (size_t)count * sizeof *value);
    return name;
}

const char *tn_onnx_floats_name(tn_onnx_out *e, const tn_node *n, const char *part,
                                const tn_shape *shape, const float *value)
{
    const char *name = tn_onnx_part_name(e, n, part);
    put_tensor(e, name, ONNX_F32, shape, value, (size_t)tn_elements(shape) * sizeof *value);
    return name;
}

const char *tn_onnx_scalar_name(tn_onnx_out *e, const tn_node *n, const char *part, float value)
{
    return tn_onnx_floats_name(e, n, part, &(tn_shape){0}, &value);
}

const char *tn_onnx_whole_name(tn_onnx_out *e, const tn_node *n, const char *part,
                               const tn_shape *shape, bool sign, int value)
{
    const size_t count = (size_t)tn_elements(shape);
    void *all = take(e, count, 1);
    const char *name = tn_onnx_part_name(e, n, part);
    if (all)
        put_tensor(e, name, sign ? ONNX_I8 : ONNX_U8, shape, memset(all, value, count), count);
    return name;
}

const char *tn_onnx_fill_name(tn_onnx_out *e, const tn_node *n, const char *part,
                              const tn_shape *shape, float value)
{
    const int64_t count = tn_elements(shape);
    float *all = take(e, (size_t)count, sizeof *all);
    for (int64_t i = 0; all && i < count; i++)
        all[i] = value;
    return all ? tn_onnx_floats_name(e, n, part, shape, all) : "";
}

void tn_onnx_pass(tn_onnx_out *e, const tn_node *n)
{
    const int32_t y = n->out[0];
    for (size_t i = 0; i < e->g->num_outputs; i++)
        if (e->g->output[i].id == y) {
            TN_ONNX_PLAIN(e, "Identity", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0));
            return;
        }
    e->name[y - 1] = tn_onnx_x_name(e, n, 0);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

void tn_onnx_begin(tn_onnx_out *e, const char *op, const char *y, const char *const *x)
{
    int count = 0;
    for (int i = 0; x[i]; i++)
        if (*x[i])
            count = i + 1;
    e->node = tn_proto_put_message(&e->file, GRAPH_NODE);
    for (int i = 0; i < count; i++)
        tn_proto_put_text(&e->file, NODE_INPUT, x[i]);
    tn_proto_put_text(&e->file, NODE_OUTPUT, y);
    tn_proto_put_text(&e->file, NODE_NAME, y);
    tn_proto_put_text(&e->file, NODE_OP, op);
}

void tn_onnx_put_output(tn_onnx_out *e, const char *y)
{
    tn_proto_put_text(&e->file, NODE_OUTPUT, y);
}

void tn_onnx_end(tn_onnx_out *e)
{
    tn_proto_end_message(&e->file, e->node);
}

static tn_proto_mark begin_attr(tn_onnx_out *e, const char *name, int type)
{
    const tn_proto_mark attr = tn_proto_put_message(&e->file, NODE_ATTRIBUTE);
    tn_proto_put_text(&e->file, ATTR_NAME, name);
    tn_proto_put_int(&e->file, ATTR_TYPE, type);
    return attr;
}

void tn_onnx_put_int(tn_onnx_out *e, const char *name, int64_t value)
{
    const tn_proto_mark attr = begin_attr(e, name, ATTR_IS_INT);
    tn_proto_put_int(&e->file, ATTR_I, value);
    tn_proto_end_message(&e->file, attr);
}

void tn_onnx_put_real(tn_onnx_out *e, const char *name, float value)
{
    const tn_proto_mark attr = begin_attr(e, name, ATTR_IS_FLOAT);
    tn_proto_put_float(&e->file, ATTR_F, value);
    tn_proto_end_message(&e->file, attr);
}

void tn_onnx_put_text(tn_onnx_out *e, const char *name, const char *value)
{
    const tn_proto_mark attr = begin_attr(e, name, ATTR_IS_STRING);
    tn_proto_put_text(&e->file, ATTR_S, value);
    tn_proto_end_message(&e->file, attr);
}

void tn_onnx_put_ints(tn_onnx_out *e, const char *name, const int64_t *value, int count)
{
    const tn_proto_mark attr = begin_attr(e, name, ATTR_IS_INTS);
    for (int i = 0; i < count; i++)
        tn_proto_put_int(&e->file, ATTR_INTS, value[i]);
    tn_proto_end_message(&e->file, attr);
}

void tn_onnx_put_pair(tn_onnx_out *e, const char *name, const int pair[2])
{
    tn_onnx_put_ints(e, name, (const int64_t[]){pair[0], pair[1]}, 2);
}

/* ---- what cannot be said ---------------------------------------------------------------------- */

enum { MOST_KINDS = 16, ROOM = 160 };

struct tn_onnx_cannot {
    struct {
        const char *op, *first;
        char why[ROOM];
        int count;
    } of[MOST_KINDS];
    int kinds, count;
};

void tn_onnx_cannot(tn_onnx_out *e, const tn_node *n, const char *format, ...)
{
    va_list args;
    int i = 0;
    if (!e->cannot)
        e->cannot = take(e, 1, sizeof *e->cannot);
    struct tn_onnx_cannot *c = e->cannot;
    if (!c)
        return;
    c->count++;
    while (i < c->kinds && strcmp(c->of[i].op, n->op->name) != 0)
        i++;
    if (i == MOST_KINDS)
        return;
    if (c->of[i].count++)
        return;
    c->kinds++;
    c->of[i].op = n->op->name;
    c->of[i].first = n->name;
    va_start(args, format);
    tn_vprint(c->of[i].why, sizeof c->of[i].why, format, args);
    va_end(args);
}

tn_status tn_onnx_tell_cannot(const tn_onnx_out *e, const char *path)
{
    char text[900] = "";
    const struct tn_onnx_cannot *c = e->cannot;
    for (int i = 0; c && i < c->kinds; i++) {
        const size_t used = strlen(text);
        tn_print(text + used, sizeof text - used, "%s%s (%d, %s\"%s\"): %s", i ? "; " : "",
                 c->of[i].op, c->of[i].count, c->of[i].count > 1 ? "first " : "", c->of[i].first,
                 c->of[i].why);
    }
    return c ? tn_fail(TN_ERR_UNSUPPORTED, "%s: %d of %d nodes of %s cannot be exported: %s", path,
                       c->count, e->num_needed, e->m->path, text)
             : TN_OK;
}
