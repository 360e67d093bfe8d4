/*
 * input: what a model takes, and the tensors that it has.
 *
 * The batch is dimension 0 of what the file leaves open there (a symbol, or nothing); where it leaves none open, of the first
 * input and of all that are as long. Other dimensions that are left open the program has to say.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/layers.h>

#include "base/number.h"
#include "onnx/table.h"

typedef struct input {
    tn_onnx_value *value;
    tn_onnx_type type;
    bool has_shape, is_tensor, is_empty;
    tn_shape shape; /* 0: left open */
    tn_proto_span symbol[TN_MAX_DIMS];
} input;

typedef struct inputs {
    input *of;
    int count;
} inputs;

/* ---- reading ---------------------------------------------------------------------------------- */

static tn_status read_shape(tn_onnx *o, const tn_proto *type, input *in)
{
    tn_proto shape;
    in->has_shape = tn_proto_message(type, TYPE_SHAPE, &shape);
    for (tn_proto_walk w = tn_proto_begin(&shape, SHAPE_DIM); tn_proto_next(&w); in->shape.ndim++) {
        if (in->shape.ndim == TN_MAX_DIMS)
            return tn_fail(TN_ERR_UNSUPPORTED, "%s: its input \"%s\" has more than %d dimensions",
                           o->m->path, in->value->name, TN_MAX_DIMS);
        const int64_t size = tn_proto_int(&w.message, DIM_VALUE, -1);
        in->is_empty |= size == 0;
        in->shape.dim[in->shape.ndim] = size > 0 ? size : 0;
        in->symbol[in->shape.ndim] = tn_proto_bytes(&w.message, DIM_PARAM);
    }
    return TN_OK;
}

static tn_status read_input(tn_onnx *o, const tn_proto *m, tn_onnx_value *value, input *in)
{
    tn_proto type, tensor;
    *in = (input){.value = value};
    (void)tn_proto_message(m, VALUE_TYPE, &type);
    in->is_tensor = tn_proto_message(&type, TYPE_TENSOR, &tensor);
    const int64_t element = tn_proto_int(&tensor, TYPE_ELEMENT, ONNX_NONE);
    in->type = element < 0 || element > ONNX_BF16 ? ONNX_NONE : (tn_onnx_type)element;
    return read_shape(o, &tensor, in);
}

/* A tensor that the program gives in place of an input. */
static tn_status take_known(tn_onnx *o, const input *in, const tn_tensor *t)
{
    static const tn_onnx_type types[] = {[TN_F32] = ONNX_F32,
                                         [TN_F16] = ONNX_F16,
                                         [TN_BF16] = ONNX_BF16,
                                         [TN_I32] = ONNX_I32,
                                         [TN_U8] = ONNX_U8};
    tn_onnx_known *k = tn_arena_alloc(&o->arena, 1, sizeof *k);
    if (!k)
        return tn_no_memory("a model", sizeof *k);
    *k = (tn_onnx_known){.name = in->value->name, .shape = t->shape, .file = -1};
    if ((size_t)t->dtype >= TN_COUNT(types) || !tn_onnx_count(&t->shape, &k->count) ||
        (!t->data && k->count))
        return tn_fail(TN_ERR_ARGUMENT, "tn_model_opts.known: \"%s\" is no tensor",
                       in->value->name);
    k->stored = types[t->dtype];
    k->type = tn_onnx_is_real(k->stored) == tn_onnx_is_real(in->type) ? in->type : k->stored;
    k->raw = (tn_proto_span){t->data, (size_t)k->count * tn_dtype_bytes(t->dtype)};
    in->value->known = k;
    return TN_OK;
}

static const tn_tensor *given(const tn_onnx *o, const char *name)
{
    for (int i = 0; i < o->opts->num_known; i++)
        if (strcmp(o->opts->known[i].name, name) == 0)
            return &o->opts->known[i].numbers;
    return NULL;
}

/* Those that no tensor of the file is: older files list these too. */
static tn_status read_all(tn_onnx *o, const tn_proto *graph, inputs *all)
{
    const size_t most = tn_proto_count(graph, GRAPH_INPUT);
    all->of = tn_alloc(most + 1, sizeof *all->of);
    if (!all->of)
        return tn_no_memory("a model", most * sizeof *all->of);
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_INPUT); tn_proto_next(&w);) {
        tn_onnx_value *value;
        input *in = &all->of[all->count];
        TN_TRY(tn_onnx_value_of(o, tn_proto_bytes(&w.message, VALUE_NAME), &value));
        if (value->made)
            continue;
        TN_TRY(read_input(o, &w.message, value, in));
        value->made = true;
        const tn_tensor *tensor = given(o, value->name);
        if (tensor)
            TN_TRY(take_known(o, in, tensor));
        else
            all->count++;
    }
    return TN_OK;
}

/* ---- the batch -------------------------------------------------------------------------------- */

static bool is_open(const input *in, int i)
{
    return i < in->shape.ndim && in->shape.dim[i] == 0;
}

static bool same_symbol(tn_proto_span a, tn_proto_span b)
{
    return a.size == b.size && (!a.size || memcmp(a.at, b.at, a.size) == 0);
}

/* The one whose dimension 0 is the batch for certain; NULL: none has dimensions. */
static const input *find_batch(const inputs *all)
{
    for (int i = 0; i < all->count; i++)
        if (is_open(&all->of[i], 0))
            return &all->of[i];
    for (int i = 0; i < all->count; i++)
        if (all->of[i].shape.ndim)
            return &all->of[i];
    return NULL;
}

/* What the program says, with or without the batch in front. */
static void take_said(const tn_onnx *o, input *in, int64_t *batch)
{
    tn_shape said;
    bool open = !in->has_shape;
    for (int i = 1; i < in->shape.ndim; i++)
        open |= is_open(in, i);
    if (!tn_import_said(o->opts, in->value->name, &said) &&
        (!open || !tn_import_said(o->opts, "*", &said)))
        return;
    const int ahead = in->has_shape && said.ndim == in->shape.ndim - 1;
    if (in->has_shape && said.ndim + ahead != in->shape.ndim)
        return;
    if (!in->has_shape)
        in->shape = said;
    in->has_shape = true;
    for (int i = 0; i < said.ndim; i++)
        if (i + ahead > 0 || !is_open(in, 0))
            in->shape.dim[i + ahead] = said.dim[i];
        else
            *batch = said.dim[i];
}

static void say_shape(const input *in, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < in->shape.ndim && used < size; i++) {
        const tn_proto_span s = in->symbol[i];
        const char *join = i ? " x " : "";
        if (in->shape.dim[i] && !s.size)
            tn_print(text + used, size - used, "%s%lld", join, (long long)in->shape.dim[i]);
        else
            tn_print(text + used, size - used, "%s%.*s", join, s.size ? (int)s.size : 1,
                     s.size ? (const char *)s.at : "?");
        used = strlen(text);
    }
}

static tn_status check_sizes(const tn_onnx *o, const input *in)
{
    char text[200];
    bool open = !in->has_shape;
    for (int i = 0; i < in->shape.ndim; i++)
        open |= is_open(in, i);
    if (!open)
        return TN_OK;
    say_shape(in, text, sizeof text);
    return tn_fail(
        TN_ERR_FORMAT,
        "%s: does not say how large its input \"%s\" is (%s): tn_model_opts.input can, as "
        "\"%s=1x3x224x224\"",
        o->m->path, in->value->name, in->has_shape ? text : "no shape", in->value->name);
}

/* ---- making ----------------------------------------------------------------------------------- */

static bool dtype_of(tn_onnx_type type, tn_dtype *out)
{
    *out = type == ONNX_U8 ? TN_U8 : type == ONNX_I32 || type == ONNX_I64 ? TN_I32 : TN_F32;
    return tn_onnx_is_real(type) || *out != TN_F32;
}

static tn_dtype dtype_of_value(const tn_onnx *o, tn_value v)
{
    tn_dtype dtype;
    return tn_value_dtype(o->g, v, &dtype) == TN_OK ? dtype : TN_U8;
}

static tn_status refuse_input(tn_onnx *o, const input *in)
{
    tn_onnx_value *out[] = {in->value};
    const tn_onnx_node n = {.name = in->value->name, .op = "input", .num_out = 1, .out = out};
    return tn_onnx_refuse(o, &n, "it is %s",
                          in->is_empty    ? "an empty tensor"
                          : in->is_tensor ? tn_onnx_type_name(in->type)
                                          : "no tensor, but a sequence, a map or an optional one");
}

static tn_status make_input(tn_onnx *o, const input *in, bool batched)
{
    const int batch = batched && !o->alone ? 0 : TN_NO_BATCH;
    tn_dtype dtype;
    const char *name = in->value->name;
    (void)dtype_of(in->type, &dtype);
    if (in->type == ONNX_I64 || (in->type != ONNX_F32 && tn_onnx_is_real(in->type)))
        TN_TRY(tn_model_add_notice(o->m, "input \"%s\" is %s there, and %s here", name,
                                   tn_onnx_type_name(in->type), tn_dtype_name(dtype)));
    if (o->opts->image && batched && dtype == TN_F32 && tn_import_is_picture(&in->shape)) {
        char node[300];
        (void)snprintf(node, sizeof node, "%.280s/pixels", name);
        in->value->v = tn_import_pixels(o->g, name, node, &in->shape, batch, o->opts->image);
    } else {
        in->value->v = tn_input_batched(o->g, name, dtype, in->shape, batch);
    }
    if (!o->rows.id && batch == 0 && dtype_of_value(o, in->value->v) == TN_F32)
        o->rows = in->value->v;
    return tn_graph_status(o->g);
}

static tn_status make_all(tn_onnx *o, inputs *all)
{
    const input *first = find_batch(all);
    const bool open = first && is_open(first, 0);
    o->open = open && !o->alone;
    const tn_proto_span symbol = first ? first->symbol[0] : (tn_proto_span){NULL, 0};
    for (int i = 0; i < all->count; i++) {
        input *in = &all->of[i];
        int64_t batch = o->opts->batch ? o->opts->batch : 1;
        const bool batched = open && is_open(in, 0) && same_symbol(in->symbol[0], symbol);
        tn_dtype dtype;
        if (!in->is_tensor || in->is_empty || !dtype_of(in->type, &dtype)) {
            TN_TRY(refuse_input(o, in));
            continue;
        }
        take_said(o, in, &batch);
        if (batched && in == first)
            o->batch = batch;
        if (!open && in == first && in->shape.ndim)
            o->batch = in->shape.dim[0];
        if (batched)
            in->shape.dim[0] = o->batch;
        TN_TRY(check_sizes(o, in));
        TN_TRY(make_input(o, in,
                          batched || (!open && in->shape.ndim && in->shape.dim[0] == o->batch)));
    }
    return TN_OK;
}

tn_status tn_onnx_read_tensors(tn_onnx *o, const tn_proto *graph)
{
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_TENSOR); tn_proto_next(&w);) {
        tn_onnx_value *value;
        TN_TRY(tn_onnx_value_of(o, tn_proto_bytes(&w.message, TENSOR_NAME), &value));
        TN_TRY(tn_onnx_of_tensor(o, &w.message, value->name, &value->known));
        value->known->constant = false;
        value->made = true;
    }
    return TN_OK;
}

tn_status tn_onnx_read_inputs(tn_onnx *o, const tn_proto *graph)
{
    inputs all = {0};
    o->batch = 1;
    TN_TRY(tn_onnx_read_tensors(o, graph));
    if (tn_proto_has(graph, GRAPH_SPARSE))
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: has sparse tensors", o->m->path);
    tn_status status = read_all(o, graph, &all);
    if (status == TN_OK)
        status = make_all(o, &all);
    tn_free(all.of);
    return status;
}
