/*
 * tensor: numbers that are known, wherever they are: in the file, as bytes or as lists of its fields, or evaluated.
 */
#include <math.h>
#include <string.h>

#include "onnx/table.h"

enum { FEW = 64 };

/* ---- types ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t bytes; /* of one in `raw_data`; 0: not read */
    int field;    /* where they are otherwise */
} types[] = {
    [ONNX_NONE] = {"no type", 0, 0},
    [ONNX_F32] = {"float", 4, TENSOR_FLOATS},
    [ONNX_U8] = {"uint8", 1, TENSOR_INT32S},
    [ONNX_I8] = {"int8", 1, TENSOR_INT32S},
    [ONNX_U16] = {"uint16", 2, TENSOR_INT32S},
    [ONNX_I16] = {"int16", 2, TENSOR_INT32S},
    [ONNX_I32] = {"int32", 4, TENSOR_INT32S},
    [ONNX_I64] = {"int64", 8, TENSOR_INT64S},
    [ONNX_STRING] = {"string", 0, TENSOR_STRINGS},
    [ONNX_BOOL] = {"bool", 1, TENSOR_INT32S},
    [ONNX_F16] = {"float16", 2, TENSOR_INT32S},
    [ONNX_F64] = {"double", 8, TENSOR_DOUBLES},
    [ONNX_U32] = {"uint32", 4, TENSOR_UINT64S},
    [ONNX_U64] = {"uint64", 8, TENSOR_UINT64S},
    [ONNX_C64] = {"complex64", 0, 0},
    [ONNX_C128] = {"complex128", 0, 0},
    [ONNX_BF16] = {"bfloat16", 2, TENSOR_INT32S},
};

size_t tn_onnx_bytes(tn_onnx_type type)
{
    return type < TN_COUNT(types) ? types[type].bytes : 0;
}

const char *tn_onnx_type_name(int64_t type)
{
    return type >= 0 && (size_t)type < TN_COUNT(types) ? types[type].name : "a type of few bits";
}

bool tn_onnx_count(const tn_shape *shape, int64_t *count)
{
    int64_t all = 1; /* so that no product of some of them is too large */
    bool empty = false;
    for (int i = 0; i < shape->ndim; i++) {
        if (shape->dim[i] < 0 || shape->dim[i] > TN_ONNX_MOST_ELEMENTS / all)
            return false;
        all *= shape->dim[i] ? shape->dim[i] : 1;
        empty |= shape->dim[i] == 0;
    }
    *count = empty ? 0 : all;
    return true;
}

static double of_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31  ? (fraction ? (double)NAN : (double)INFINITY)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 ? -size : size;
}

static double of_bfloat(uint16_t bits)
{
    const uint32_t whole = (uint32_t)bits << 16;
    float f;
    memcpy(&f, &whole, sizeof f);
    return (double)f;
}

/* One of the file's bytes, little endian and at any address. */
static tn_onnx_number of_raw(tn_onnx_type type, const uint8_t *at)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < tn_onnx_bytes(type); i++)
        bits |= (uint64_t)at[i] << (8 * i);
    const uint32_t low = (uint32_t)bits;
    float f;
    double d;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    switch (type) {
    case ONNX_F32:
        return (tn_onnx_number){.real = (double)f};
    case ONNX_F64:
        return (tn_onnx_number){.real = d};
    case ONNX_F16:
        return (tn_onnx_number){.real = of_half((uint16_t)bits)};
    case ONNX_BF16:
        return (tn_onnx_number){.real = of_bfloat((uint16_t)bits)};
    case ONNX_I8:
        return (tn_onnx_number){.whole = (int8_t)bits};
    case ONNX_I16:
        return (tn_onnx_number){.whole = (int16_t)bits};
    case ONNX_I32:
        return (tn_onnx_number){.whole = (int32_t)bits};
    default:
        return (tn_onnx_number){.whole = (int64_t)bits};
    }
}

static tn_onnx_number of_int(tn_onnx_type type, int64_t value)
{
    if (type == ONNX_F16)
        return (tn_onnx_number){.real = of_half((uint16_t)value)};
    if (type == ONNX_BF16)
        return (tn_onnx_number){.real = of_bfloat((uint16_t)value)};
    return (tn_onnx_number){.whole = value};
}

/* ---- making ----------------------------------------------------------------------------------- */

/* A few numbers, of a shape perhaps, are evaluated however many others are. */
static bool may_evaluate(const tn_onnx *o, int64_t count)
{
    return count <= FEW || (count <= TN_ONNX_MOST_NUMBERS && count <= o->numbers_left);
}

static void charge(tn_onnx *o, int64_t count)
{
    o->numbers_left -= count <= FEW ? 0 : count;
}

static tn_status new_known(tn_onnx *o, tn_onnx_type type, const tn_shape *shape, int64_t count,
                           tn_onnx_known **out)
{
    *out = tn_arena_alloc(&o->arena, 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a model", sizeof **out);
    **out = (tn_onnx_known){.type = type,
                            .stored = type,
                            .shape = *shape,
                            .count = count,
                            .constant = true,
                            .file = -1};
    return TN_OK;
}

tn_status tn_onnx_new_known(tn_onnx *o, tn_onnx_type type, const tn_shape *shape,
                            tn_onnx_known **out, tn_onnx_number **number)
{
    int64_t count;
    *out = NULL;
    if (!tn_onnx_count(shape, &count) || !may_evaluate(o, count))
        return TN_OK;
    *number = tn_arena_alloc(&o->arena, (size_t)count + 1, sizeof **number);
    if (!*number)
        return tn_no_memory("a model", (size_t)count * sizeof **number);
    charge(o, count);
    TN_TRY(new_known(o, type, shape, count, out));
    (*out)->number = *number;
    return TN_OK;
}

static tn_status damaged(const tn_onnx *o, const char *name, const char *why)
{
    return tn_fail(TN_ERR_FORMAT, "%s: tensor \"%s\": %s", o->m->path, name, why);
}

/* Where its numbers are; there are as many as its shape has. */
static tn_status find_bytes(tn_onnx *o, tn_onnx_known *k)
{
    const size_t bytes = (size_t)k->count * tn_onnx_bytes(k->type);
    if (k->type == ONNX_STRING || !tn_onnx_bytes(k->type))
        return TN_OK; /* whoever reads it refuses */
    if (tn_proto_int(&k->tensor, TENSOR_LOCATION, LOCATION_HERE) == LOCATION_EXTERNAL)
        return tn_onnx_external(o, &k->tensor, k->name, bytes, &k->raw, &k->file);
    k->raw = tn_proto_bytes(&k->tensor, TENSOR_RAW);
    k->file = 0;
    if (k->raw.at && k->raw.size != bytes)
        return damaged(o, k->name, "its bytes are not as many as its shape asks for");
    if (!k->raw.at && (int64_t)tn_proto_count(&k->tensor, types[k->type].field) != k->count)
        return damaged(o, k->name, "its numbers are not as many as its shape asks for");
    return TN_OK;
}

tn_status tn_onnx_of_tensor(tn_onnx *o, const tn_proto *tensor, const char *name,
                            tn_onnx_known **out)
{
    tn_shape shape = {0};
    int64_t count;
    const size_t ndim = tn_proto_ints(tensor, TENSOR_DIMS, shape.dim, TN_MAX_DIMS);
    const int64_t type = tn_proto_int(tensor, TENSOR_TYPE, ONNX_NONE);
    shape.ndim = (int)ndim;
    if (ndim > TN_MAX_DIMS)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: tensor \"%s\" has %zu dimensions, more than %d",
                       o->m->path, name, ndim, TN_MAX_DIMS);
    if (!tn_onnx_count(&shape, &count))
        return damaged(o, name, "its shape is out of range");
    TN_TRY(new_known(o, type < 0 || type > ONNX_BF16 ? ONNX_NONE : (tn_onnx_type)type, &shape,
                     count, out));
    (*out)->name = name;
    (*out)->tensor = *tensor;
    return find_bytes(o, *out);
}

/* ---- as numbers ------------------------------------------------------------------------------- */

static int64_t permuted(const tn_onnx_known *k, int64_t index);

static tn_status read_list(const tn_onnx_known *k, tn_onnx_number *to)
{
    const int field = types[k->stored].field;
    int64_t *whole = tn_alloc((size_t)k->count + 1, sizeof *whole);
    if (!whole)
        return tn_no_memory("a model", (size_t)k->count * sizeof *whole);
    if (field == TENSOR_FLOATS || field == TENSOR_DOUBLES) {
        float *real = (float *)whole;
        (void)tn_proto_floats(&k->tensor, field, real, (size_t)k->count);
        for (int64_t i = 0; i < k->count; i++)
            to[i].real = (double)real[i];
    } else {
        (void)tn_proto_ints(&k->tensor, field, whole, (size_t)k->count);
        for (int64_t i = 0; i < k->count; i++)
            to[i] = of_int(k->stored, whole[i]);
    }
    tn_free(whole);
    return TN_OK;
}

static tn_status fill_numbers(const tn_onnx_known *k, const tn_onnx_number *from,
                              tn_onnx_number *to)
{
    if (k->of) {
        for (int64_t i = 0; i < k->count; i++)
            to[i] = from[permuted(k, i)];
        return TN_OK;
    }
    if (!from && !k->raw.at)
        return read_list(k, to);
    for (int64_t i = 0; i < k->count; i++)
        to[i] = from ? *from : of_raw(k->stored, k->raw.at + (size_t)i * tn_onnx_bytes(k->stored));
    return TN_OK;
}

/* A view may have another type than what is stored. */
static void change_type(const tn_onnx_known *k, tn_onnx_type from, tn_onnx_number *number)
{
    for (int64_t i = 0; i < k->count; i++)
        if (tn_onnx_is_real(k->type) && !tn_onnx_is_real(from))
            number[i].real = (double)number[i].whole;
}

static tn_status evaluate(tn_onnx *o, tn_onnx_known *k)
{
    const tn_onnx_number *from = k->number; /* one, for all */
    if (k->of) {
        TN_TRY(tn_onnx_numbers(o, k->of, &from));
        if (!from || !may_evaluate(o, k->count))
            return TN_OK;
    }
    tn_onnx_number *number = tn_arena_alloc(&o->arena, (size_t)k->count + 1, sizeof *number);
    if (!number)
        return tn_no_memory("a model", (size_t)k->count * sizeof *number);
    charge(o, k->count);
    TN_TRY(fill_numbers(k, from, number));
    if (!k->fill)
        change_type(k, k->of ? k->of->type : k->stored, number);
    k->number = number;
    k->fill = false;
    return TN_OK;
}

tn_status tn_onnx_numbers(tn_onnx *o, tn_onnx_known *k, const tn_onnx_number **out)
{
    tn_status status = TN_OK;
    *out = NULL;
    if (!k->number || k->fill) {
        if (!may_evaluate(o, k->count) || !tn_onnx_bytes(k->stored))
            return TN_OK;
        status = evaluate(o, k);
    }
    if (status == TN_OK)
        *out = k->number;
    else
        o->status = status;
    return status;
}

/* ---- as floats -------------------------------------------------------------------------------- */

/* Where element `index` of k is in what it is a permutation of; without axes, of a view of one, at the same place. */
static int64_t permuted(const tn_onnx_known *k, int64_t index)
{
    const tn_shape *from = &k->of->shape;
    int64_t step[TN_MAX_DIMS] = {0}, at = 0, size = 1;
    if (!k->axes.ndim)
        return index;
    for (int i = from->ndim - 1; i >= 0; size *= from->dim[i--])
        step[i] = size;
    for (int i = k->shape.ndim - 1; i >= 0; index /= k->shape.dim[i--])
        at += index % k->shape.dim[i] * step[k->axes.dim[i]];
    return at;
}

static tn_status copy(tn_onnx *o, tn_onnx_known *k, float **out);

static tn_status read_other(tn_onnx *o, tn_onnx_known *k, float *to)
{
    float *from = NULL;
    TN_TRY(copy(o, k->of, &from));
    for (int64_t i = 0; i < k->count; i++)
        to[i] = from[permuted(k, i)];
    tn_free(from);
    return TN_OK;
}

static tn_status read_ints(const tn_onnx_known *k, float *to)
{
    tn_onnx_number *number = tn_alloc((size_t)k->count + 1, sizeof *number);
    if (!number)
        return tn_no_memory("a model", (size_t)k->count * sizeof *number);
    const tn_status status = read_list(k, number);
    for (int64_t i = 0; i < k->count; i++)
        to[i] = tn_onnx_is_real(k->stored) ? (float)number[i].real : (float)number[i].whole;
    tn_free(number);
    return status;
}

static tn_status read_evaluated(const tn_onnx *o, const tn_onnx_known *k, float *to)
{
    for (int64_t i = 0; i < k->count; i++) {
        const tn_onnx_number n = k->number[k->fill ? 0 : i];
        if (n.times_n)
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "%s: a number that depends on the batch is no constant", o->m->path);
        to[i] = tn_onnx_is_real(k->type) ? (float)n.real : (float)n.whole;
    }
    return TN_OK;
}

tn_status tn_onnx_read(tn_onnx *o, tn_onnx_known *k, float *to)
{
    const size_t size = tn_onnx_bytes(k->stored);
    if (k->number)
        return read_evaluated(o, k, to);
    if (k->of)
        return read_other(o, k, to);
    if (!k->raw.at && k->stored == ONNX_F32)
        (void)tn_proto_floats(&k->tensor, TENSOR_FLOATS, to, (size_t)k->count);
    else if (!k->raw.at)
        return read_ints(k, to);
    else if (k->stored == ONNX_F32)
        memcpy(to, k->raw.at, k->raw.size);
    else
        for (int64_t i = 0; i < k->count; i++) {
            const tn_onnx_number n = of_raw(k->stored, k->raw.at + (size_t)i * size);
            to[i] = tn_onnx_is_real(k->stored) ? (float)n.real : (float)n.whole;
        }
    return TN_OK;
}

static tn_status copy(tn_onnx *o, tn_onnx_known *k, float **out)
{
    *out = tn_alloc((size_t)k->count, sizeof **out);
    if (!*out)
        return tn_no_memory("weights", (size_t)k->count * sizeof **out);
    const tn_status status = tn_onnx_read(o, k, *out);
    if (status != TN_OK) {
        tn_free(*out);
        *out = NULL;
    }
    return status;
}

tn_status tn_onnx_copy(tn_onnx *o, tn_onnx_known *k, float **out)
{
    *out = NULL;
    TN_TRY(tn_onnx_charge(o, k->name, k->count));
    return copy(o, k, out);
}
