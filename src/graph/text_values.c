/*
 * text_values: what an attribute of each type holds, as text and back.
 *
 * Where 0 is not what was given, but that nothing was, TN_ZERO is written as 0 and 0 is read as TN_ZERO
 * (<tenon/options.h>).
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "graph/text_attrs.h"

/* Names are few: the list of them for an error. */
typedef struct names_text {
    char text[256];
} names_text;

static names_text list_names(const char *const *names)
{
    names_text t = {""};
    for (size_t used = 0; *names && used < sizeof t.text; names++)
        used +=
            (size_t)tn_print(t.text + used, sizeof t.text - used, "%s%s", used ? ", " : "", *names);
    return t;
}

static tn_status wrong(const tn_lex *l, const tn_attr *a, const char *what)
{
    return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s is \"%.60s\", not %s", a->name, tn_lex_word(l),
                       what);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static void put_int(tn_text *t, int value)
{
    tn_text_put(t, "%d", value == TN_ZERO ? 0 : value);
}

void tn_text_put_float(tn_text *t, float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        tn_print(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)tn_parse(text, NULL) == value)
            break;
    }
    tn_text_put(t, "%s", text);
}

tn_status tn_lex_int64(tn_lex *l, const tn_attr *a, int64_t low, int64_t high, int64_t *to)
{
    char *end;
    errno = 0;
    const long long value = strtoll(l->word, &end, 10);
    if (l->kind != TN_TOKEN_WORD || *end || errno || value < low || value > high)
        return wrong(l, a, "a whole number that fits");
    *to = value;
    return tn_lex_step(l);
}

static tn_status take_int(tn_lex *l, const tn_attr *a, int *to)
{
    int64_t value = 0;
    TN_TRY(tn_lex_int64(l, a, -INT_MAX, INT_MAX, &value)); /* what is below is TN_ZERO */
    *to = TN_EXACTLY((int)value);
    return TN_OK;
}

/* Not one that is too large for f32, nor one so small that it would become 0. */
tn_status tn_lex_float(tn_lex *l, const tn_attr *a, float *to)
{
    char *end;
    const double value = l->kind == TN_TOKEN_WORD ? tn_parse(l->word, &end) : 0;
    const float narrow = (float)value;
    if (l->kind != TN_TOKEN_WORD || *end)
        return wrong(l, a, "a number");
    if ((narrow == 0 && value != 0) || (isinf(narrow) && !strstr(l->word, "inf")))
        return wrong(l, a, "a number that fits");
    *to = narrow;
    return tn_lex_step(l);
}

/* Of an option, where 0 is said as TN_ZERO. */
static tn_status take_float(tn_lex *l, const tn_attr *a, float *to)
{
    const char *at = l->at;
    TN_TRY(tn_lex_float(l, a, to));
    if (*to == (float)TN_ZERO)
        return tn_lex_fail(l, TN_ERR_FORMAT, at, "%s is %g, not a number that fits", a->name,
                           (double)*to);
    *to = TN_EXACTLY(*to);
    return TN_OK;
}

static void put_float(tn_text *t, float value)
{
    tn_text_put_float(t, value == (float)TN_ZERO ? 0 : value);
}

/* Up to `count`, one of which may be left out if others follow. */
static tn_status take_ints(tn_lex *l, const tn_attr *a, int count, int *to)
{
    bool more = true;
    for (int i = 0; more; i++) {
        if (i == count)
            return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s has more than %d numbers", a->name,
                               count);
        if (!tn_lex_is(l, ','))
            TN_TRY(take_int(l, a, &to[i]));
        TN_TRY(tn_lex_take(l, ',', &more));
    }
    return TN_OK;
}

static tn_status take_floats(tn_lex *l, const tn_attr *a, int count, float *to)
{
    bool more = true;
    for (int i = 0; more; i++) {
        if (i == count)
            return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s has more than %d numbers", a->name,
                               count);
        if (!tn_lex_is(l, ','))
            TN_TRY(take_float(l, a, &to[i]));
        TN_TRY(tn_lex_take(l, ',', &more));
    }
    return TN_OK;
}

static bool has_int(const void *field)
{
    return *(const int *)field != 0;
}

static void write_int(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    put_int(t, *(const int *)field);
}

static tn_status read_int(tn_lex *l, const tn_attr *a, void *field)
{
    return take_int(l, a, field);
}

static bool has_int2(const void *field)
{
    return has_int(field) || has_int((const int *)field + 1);
}

static void write_int2(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    const int *pair = field;
    if (pair[0])
        put_int(t, pair[0]);
    if (pair[1]) {
        tn_text_put(t, ",");
        put_int(t, pair[1]);
    }
}

static tn_status read_int2(tn_lex *l, const tn_attr *a, void *field)
{
    return take_ints(l, a, 2, field);
}

static bool has_float(const void *field)
{
    return *(const float *)field != 0;
}

static void write_float(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    put_float(t, *(const float *)field);
}

static tn_status read_float(tn_lex *l, const tn_attr *a, void *field)
{
    return take_float(l, a, field);
}

static int given_of4(const float *four)
{
    int count = 4;
    while (count > 0 && four[count - 1] == 0)
        count--;
    return count;
}

static bool has_float4(const void *field)
{
    return given_of4(field) > 0;
}

static void write_float4(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    const float *four = field;
    for (int i = 0; i < given_of4(four); i++) {
        if (i > 0)
            tn_text_put(t, ",");
        if (four[i] != 0)
            put_float(t, four[i]);
    }
}

static tn_status read_float4(tn_lex *l, const tn_attr *a, void *field)
{
    return take_floats(l, a, 4, field);
}

static bool has_list(const void *field)
{
    return ((const tn_shape *)field)->ndim > 0;
}

static void write_list(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    const tn_shape *list = field;
    for (int i = 0; i < list->ndim; i++)
        tn_text_put(t, "%s%lld", i ? "," : "", (long long)list->dim[i]);
}

static tn_status read_list(tn_lex *l, const tn_attr *a, void *field)
{
    tn_shape *list = field;
    bool more = true;
    while (more) {
        if (list->ndim == TN_MAX_DIMS)
            return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s has more than %d numbers", a->name,
                               TN_MAX_DIMS);
        TN_TRY(tn_lex_int64(l, a, INT64_MIN, INT64_MAX, &list->dim[list->ndim]));
        list->ndim++;
        TN_TRY(tn_lex_take(l, ',', &more));
    }
    return TN_OK;
}

/* ---- words ------------------------------------------------------------------------------------ */

bool tn_text_dtype(const char *word, tn_dtype *out)
{
    for (int d = 0; tn_dtype_bytes((tn_dtype)d) > 0; d++)
        if (strcmp(tn_dtype_name((tn_dtype)d), word) == 0) {
            *out = (tn_dtype)d;
            return true;
        }
    return false;
}

static bool has_bool(const void *field)
{
    return *(const bool *)field;
}

static tn_status read_bool(tn_lex *l, const tn_attr *a, void *field)
{
    (void)l;
    (void)a;
    *(bool *)field = true;
    return TN_OK;
}

static tn_status take_name(tn_lex *l, const tn_attr *a, const char *const *names, const char *word,
                           int *to)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0) {
            *to = i;
            return tn_lex_step(l);
        }
    return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s is \"%.60s\", none of %s", a->name,
                       tn_lex_word(l), list_names(names).text);
}

static void write_enum(tn_text *t, const tn_attr *a, const void *field)
{
    tn_text_put(t, "%s", a->names[*(const int *)field]);
}

static tn_status read_enum(tn_lex *l, const tn_attr *a, void *field)
{
    return take_name(l, a, a->names, l->word, field);
}

static void write_dtype(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    tn_text_put(t, "%s", tn_dtype_name(*(const tn_dtype *)field));
}

static tn_status read_dtype(tn_lex *l, const tn_attr *a, void *field)
{
    tn_dtype *type = field;
    if (tn_text_dtype(l->word, type))
        return tn_lex_step(l);
    return wrong(l, a, "a type such as f32 or i32");
}

static const char *const inits[] = {
    [TN_INIT_DEFAULT] = "default", [TN_INIT_CONSTANT] = "constant",
    [TN_INIT_NORMAL] = "normal",   [TN_INIT_UNIFORM] = "uniform",
    [TN_INIT_HE] = "he",           [TN_INIT_XAVIER] = "xavier",
    [TN_INIT_FAN_IN] = "fan_in",   [TN_INIT_FAN_IN + 1] = NULL,
};

static bool has_init(const void *field)
{
    const tn_init *init = field;
    return init->kind != TN_INIT_DEFAULT || init->value != 0;
}

static void write_init(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    const tn_init *init = field;
    tn_text_put(t, "%s", inits[init->kind]);
    if (init->value != 0) {
        tn_text_put(t, ":");
        put_float(t, init->value);
    }
}

/* One word, "normal:0.01". */
static tn_status read_init(tn_lex *l, const tn_attr *a, void *field)
{
    tn_init *init = field;
    int kind = 0;
    char *colon = strchr(l->word, ':'), *end = NULL;
    if (colon) {
        const double value = tn_parse(colon + 1, &end);
        init->value = TN_EXACTLY((float)value);
        if (!colon[1] || *end || !isfinite((float)value) || (value != 0 && (float)value == 0))
            return wrong(l, a, "a way to begin and a number, as normal:0.01");
        *colon = '\0';
    }
    TN_TRY(take_name(l, a, inits, l->word, &kind));
    init->kind = (tn_init_kind)kind;
    return TN_OK;
}

static bool has_value(const void *field)
{
    return ((const tn_value *)field)->id != 0;
}

static void write_value(tn_text *t, const tn_attr *a, const void *field)
{
    (void)a;
    tn_text_put_name(t, t->g->value[((const tn_value *)field)->id - 1].name);
}

static tn_status read_value(tn_lex *l, const tn_attr *a, void *field)
{
    (void)a;
    return tn_lex_value(l, field);
}

const tn_attr_codec tn_attr_codecs[] = {
    [TN_ATTR_BOOL] = {has_bool, NULL, read_bool},
    [TN_ATTR_INT] = {has_int, write_int, read_int},
    [TN_ATTR_INT2] = {has_int2, write_int2, read_int2},
    [TN_ATTR_FLOAT] = {has_float, write_float, read_float},
    [TN_ATTR_FLOAT4] = {has_float4, write_float4, read_float4},
    [TN_ATTR_ENUM] = {has_int, write_enum, read_enum},
    [TN_ATTR_DTYPE] = {has_int, write_dtype, read_dtype},
    [TN_ATTR_LIST] = {has_list, write_list, read_list},
    [TN_ATTR_INIT] = {has_init, write_init, read_init},
    [TN_ATTR_VALUE] = {has_value, write_value, read_value},
    [TN_ATTR_NUMBERS] = {tn_has_numbers, tn_write_numbers, tn_read_numbers},
};
