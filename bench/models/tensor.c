/*
 * What onnx/onnx's tests come with: models, of which the names of inputs and outputs are read, and tensors. A reader of its own,
 * so that what is tested does not say what is right. Fields: onnx.proto (Apache-2.0).
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"

/* ---- the wire ----------------------------------------------------------------------------------- */

typedef struct wire {
    const unsigned char *at, *end;
} wire;

typedef struct wire_field {
    unsigned number, type;
    uint64_t value; /* of a varint */
    wire bytes;     /* of all others */
} wire_field;

static bool read_varint(wire *w, uint64_t *to)
{
    *to = 0;
    for (unsigned shift = 0; w->at < w->end && shift < 64; shift += 7) {
        *to |= (uint64_t)(*w->at & 127) << shift;
        if (*w->at++ < 128)
            return true;
    }
    return false;
}

static bool next(wire *w, wire_field *f)
{
    uint64_t key, size = 0;
    *f = (wire_field){.number = 0};
    if (!read_varint(w, &key))
        return false;
    f->number = (unsigned)(key >> 3);
    f->type = key & 7;
    if (f->type == 0)
        return read_varint(w, &f->value);
    if (f->type == 2 && !read_varint(w, &size))
        return false;
    size = f->type == 1 ? 8 : f->type == 5 ? 4 : size;
    if ((f->type != 1 && f->type != 2 && f->type != 5) || size > (uint64_t)(w->end - w->at))
        return false;
    f->bytes = (wire){w->at, w->at + size};
    w->at += size;
    return true;
}

static void copy_name(const wire_field *f, char to[256])
{
    snprintf(to, 256, "%.*s", (int)(f->bytes.end - f->bytes.at), (const char *)f->bytes.at);
}

/* ---- a model ------------------------------------------------------------------------------------ */

enum { GRAPH = 7, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, TENSOR_NAME = 8 };
enum { PORT_NAME = 1, PORT_TYPE, TENSOR_TYPE = 1, ELEMENT_TYPE = 1 };

static bool is_initializer(wire graph, const char *name)
{
    wire_field f, inner;
    char of[256];
    while (next(&graph, &f))
        for (wire t = f.bytes; f.number == INITIALIZER && next(&t, &inner);)
            if (inner.number == TENSOR_NAME) {
                copy_name(&inner, of);
                if (strcmp(of, name) == 0)
                    return true;
            }
    return false;
}

static void read_port(wire w, port *to)
{
    wire_field f, type, inner;
    *to = (port){.type = 0};
    while (next(&w, &f)) {
        if (f.number == PORT_NAME && f.type == 2)
            copy_name(&f, to->name);
        for (wire t = f.bytes; f.number == PORT_TYPE && next(&t, &type);)
            for (wire e = type.bytes; type.number == TENSOR_TYPE && next(&e, &inner);)
                if (inner.number == ELEMENT_TYPE && inner.type == 0)
                    to->type = (int)(inner.value & 255);
    }
}

int model_ports(const char *path, bool outputs, port *to, int room)
{
    size_t bytes;
    int count = 0;
    unsigned char *file = file_read(path, &bytes);
    if (!file)
        return -1;
    wire_field model, f;
    for (wire w = {file, file + bytes}; next(&w, &model);)
        for (wire g = model.bytes; model.number == GRAPH && next(&g, &f);) {
            if (f.number != (outputs ? OUTPUT : INPUT) || count == room)
                continue;
            read_port(f.bytes, &to[count]);
            count += outputs || !is_initializer(model.bytes, to[count].name);
        }
    free(file);
    return count;
}

/* ---- a tensor ----------------------------------------------------------------------------------- */

enum {
    T_FLOAT = 1,
    T_UINT8,
    T_INT8,
    T_UINT16,
    T_INT16,
    T_INT32,
    T_INT64,
    T_STRING,
    T_BOOL,
    T_FLOAT16,
    T_DOUBLE,
    T_UINT32,
    T_UINT64,
    T_BFLOAT16 = 16
};

static const struct {
    const char *name;
    unsigned bytes;
} types[] = {
    [T_FLOAT] = {"float", 4},      [T_UINT8] = {"uint8", 1},   [T_INT8] = {"int8", 1},
    [T_UINT16] = {"uint16", 2},    [T_INT16] = {"int16", 2},   [T_INT32] = {"int32", 4},
    [T_INT64] = {"int64", 8},      [T_BOOL] = {"bool", 1},     [T_FLOAT16] = {"float16", 2},
    [T_DOUBLE] = {"double", 8},    [T_UINT32] = {"uint32", 4}, [T_UINT64] = {"uint64", 8},
    [T_BFLOAT16] = {"bfloat16", 2}};

static double of_half(uint16_t h)
{
    const int exponent = h >> 10 & 31, part = h & 1023;
    const double size = exponent == 31 ? (double)(part ? NAN : INFINITY)
                        : exponent     ? ldexp(1024 + part, exponent - 25)
                                       : ldexp(part, -24);
    return h & 0x8000 ? -size : size;
}

/* One number as its bytes stand in a file, lowest first. */
static double of_bytes(const unsigned char *from, int type)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < types[type].bytes; i++)
        bits |= (uint64_t)from[i] << (8 * i);
    float single;
    double wide;
    const uint32_t low = type == T_BFLOAT16 ? (uint32_t)bits << 16 : (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&wide, &bits, sizeof wide);
    switch (type) {
    case T_FLOAT:
    case T_BFLOAT16:
        return single;
    case T_DOUBLE:
        return wide;
    case T_FLOAT16:
        return of_half((uint16_t)bits);
    case T_INT8:
        return (int8_t)bits;
    case T_INT16:
        return (int16_t)bits;
    case T_INT32:
        return (int32_t)bits;
    case T_INT64:
        return (double)(int64_t)bits;
    default:
        return (double)bits;
    }
}

/* Numbers in fields of their own: a varint has the bits of a float16, and those of whole numbers. */
static double of_varint(uint64_t value, int type)
{
    return type == T_FLOAT16                      ? of_half((uint16_t)value)
           : type == T_UINT64 || type == T_UINT32 ? (double)value
                                                  : (double)(int64_t)value;
}

enum {
    DIMS = 1,
    TYPE,
    FLOAT_DATA = 4,
    INT32_DATA,
    INT64_DATA = 7,
    RAW = 9,
    DOUBLE_DATA,
    UINT64_DATA
};

static const char *read_head(wire w, file_tensor *t, int *type)
{
    wire_field f;
    *type = 0;
    t->count = 1;
    while (next(&w, &f)) {
        if (f.number == TYPE && f.type == 0)
            *type = (int)(f.value & 255);
        else if (f.number == TENSOR_NAME && f.type == 2)
            copy_name(&f, t->name);
        for (bool packed = f.type == 2; f.number == DIMS; packed = true) {
            if (packed && !read_varint(&f.bytes, &f.value))
                break;
            if (t->ndim == MOST_DIMS || f.value > 1u << 28)
                return "has dimensions that nothing here can have";
            t->dim[t->ndim++] = (int64_t)f.value;
            t->count *= (int64_t)f.value;
            if (!packed)
                break;
        }
    }
    if (t->count > 1 << 28)
        return "is too large";
    if (*type < 0 || *type >= (int)(sizeof types / sizeof *types) || !types[*type].bytes)
        return *type == T_STRING ? "holds strings" : "is no tensor of numbers";
    return NULL;
}

static int64_t read_field(const wire_field *f, int type, double *to, int64_t room)
{
    int64_t count = 0;
    const bool whole =
        f->number == INT32_DATA || f->number == INT64_DATA || f->number == UINT64_DATA;
    const int as = f->number == FLOAT_DATA ? T_FLOAT : f->number == DOUBLE_DATA ? T_DOUBLE : type;
    wire w = f->bytes;
    uint64_t value = f->value;
    if (whole && f->type == 0 && room > 0)
        to[count++] = of_varint(value, type);
    else if (whole)
        while (count < room && read_varint(&w, &value))
            to[count++] = of_varint(value, type);
    else
        for (; count < room && w.at + types[as].bytes <= w.end; w.at += types[as].bytes)
            to[count++] = of_bytes(w.at, as);
    return count;
}

const char *tensor_read(const char *path, file_tensor *t)
{
    size_t bytes;
    int type;
    *t = (file_tensor){.ndim = 0};
    unsigned char *file = file_read(path, &bytes);
    if (!file)
        return "cannot be read";
    wire w = {file, file + bytes};
    const char *why = read_head(w, t, &type);
    t->type = type;
    t->element = type == T_UINT8 || type == T_BOOL                            ? BYTES
                 : type == T_DOUBLE                                           ? DOUBLES
                 : type == T_FLOAT || type == T_FLOAT16 || type == T_BFLOAT16 ? REALS
                                                                              : WHOLES;
    t->data = why ? NULL : calloc((size_t)t->count + 1, sizeof *t->data);
    int64_t got = 0;
    wire_field f;
    while (t->data && next(&w, &f))
        if (f.number == RAW || f.number == FLOAT_DATA || f.number == INT32_DATA ||
            f.number == INT64_DATA || f.number == DOUBLE_DATA || f.number == UINT64_DATA)
            got += read_field(&f, type, t->data + got, t->count - got);
    free(file);
    for (int64_t i = 0; i < got && type == T_DOUBLE && !why; i++)
        if (isfinite(t->data[i]) && t->data[i] != 0 &&
            (fabs(t->data[i]) > (double)FLT_MAX || fabs(t->data[i]) < (double)FLT_MIN))
            why = "holds doubles that are beyond f32";
    return why               ? why
           : got == t->count ? NULL
                             : "has another count of numbers than its dimensions say";
}

/* As onnx/onnx's own tests have it, a thousandth; of what is near 0, by the largest of all. */
bool tensor_agrees(const file_tensor *want, const double *have, char *why, size_t room)
{
    double largest = 0;
    for (int64_t i = 0; i < want->count; i++)
        if (isfinite(want->data[i]) && fabs(want->data[i]) > largest)
            largest = fabs(want->data[i]);
    for (int64_t i = 0; i < want->count; i++) {
        const double a = want->data[i], b = have[i];
        const bool same =
            a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-3 * fabs(a) + 1e-5 * largest;
        if (!same) {
            snprintf(why, room, "number %lld of %lld is %.9g, not %.9g", (long long)i,
                     (long long)want->count, b, a);
            return false;
        }
    }
    return true;
}
