/*
 * text_numbers: the numbers of a constant as text: `dtype=i32 shape=2,2 numbers=1,0,0,1`, or one number where all are the same.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/text_attrs.h"

bool tn_has_numbers(const void *field)
{
    return ((const tn_constant_node_opts *)field)->data != NULL;
}

static int64_t count_of(const tn_constant_node_opts *o)
{
    const size_t size = tn_dtype_bytes(o->dtype);
    const char *data = o->data;
    const int64_t count = tn_elements(&o->shape);
    for (int64_t i = 1; i < count; i++)
        if (memcmp(data, data + (size_t)i * size, size) != 0)
            return count;
    return 1;
}

void tn_write_numbers(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    const tn_constant_node_opts *o = field;
    const int64_t count = count_of(o);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0)
            tn_text_put(t, ",");
        if (o->dtype == TN_F32)
            tn_text_put_float(t, ((const float *)o->data)[i]);
        else
            tn_text_put(t, "%d",
                        o->dtype == TN_I32 ? (int)((const int32_t *)o->data)[i]
                                           : (int)((const uint8_t *)o->data)[i]);
    }
}

static tn_status read_one(tn_lex *l, const tn_attr *a, const tn_constant_node_opts *o, void *data,
                          int64_t i)
{
    int64_t whole = 0;
    if (o->dtype == TN_F32)
        return tn_lex_float(l, a, (float *)data + i);
    if (o->dtype == TN_I32) {
        TN_TRY(tn_lex_int64(l, a, INT32_MIN, INT32_MAX, &whole));
        ((int32_t *)data)[i] = (int32_t)whole;
        return TN_OK;
    }
    TN_TRY(tn_lex_int64(l, a, 0, UINT8_MAX, &whole));
    ((uint8_t *)data)[i] = (uint8_t)whole;
    return TN_OK;
}

static tn_status read_all(tn_lex *l, const tn_attr *a, const tn_constant_node_opts *o, char *data,
                          int64_t count)
{
    const size_t size = tn_dtype_bytes(o->dtype);
    const char *at = l->at;
    int64_t found = 0;
    bool more = true;
    for (; more && found < count; found++) {
        TN_TRY(read_one(l, a, o, data, found));
        TN_TRY(tn_lex_take(l, ',', &more));
    }
    if (more || (found != count && found != 1))
        return tn_lex_fail(l, TN_ERR_FORMAT, at,
                           "%s of %s: %s%lld of them, not one for all, nor %lld", a->name,
                           tn_shape_format(&o->shape).text, more ? "more than " : "",
                           (long long)found, (long long)count);
    for (int64_t i = found; i < count; i++)
        memcpy(data + (size_t)i * size, data, size);
    return TN_OK;
}

tn_status tn_read_numbers(tn_lex *l, const tn_attr *a, void *field)
{
    enum { MOST = 1 << 28 }; /* bytes of all constants: a few letters may ask for many */
    tn_constant_node_opts *o = field;
    size_t bytes;
    if (o->dtype == TN_F16 || o->dtype == TN_BF16)
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s of %s: a text has those of f32, i32 and u8",
                           a->name, tn_dtype_name(o->dtype));
    if (tn_shape_bytes(&o->shape, o->dtype, &bytes) != TN_OK || bytes > MOST - l->numbers)
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s of %s are more than a text may say",
                           a->name, tn_shape_format(&o->shape).text);
    char *data = tn_arena_alloc(&l->g->arena, bytes, 1);
    if (!data)
        return tn_no_memory("graph", bytes);
    o->data = data;
    l->numbers += bytes;
    TN_TRY(read_all(l, a, o, data, tn_elements(&o->shape)));
    if (l->kind != TN_TOKEN_LINE && l->kind != TN_TOKEN_END)
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "\"%.60s\" behind the %s, which come last",
                           tn_lex_word(l), a->name);
    return TN_OK;
}
