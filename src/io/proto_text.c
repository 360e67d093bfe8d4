/*
 * proto_text: the text form, made binary. A field that the table does not know is read over as the grammar has it, and left
 * behind as a stray of its message.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "io/proto.h"
#include "io/proto_lex.h"

typedef struct reader {
    tn_proto_lexer l;
    tn_proto_out *out;
} reader;

static bool is_word(const tn_proto_lexer *l, const char *word)
{
    return l->kind == TN_PROTO_NAME && strlen(word) == l->size && memcmp(l->at, word, l->size) == 0;
}

/* For a sentence: the word, or so much of it as helps. */
static int shown(const tn_proto_lexer *l)
{
    return l->size > 40 ? 40 : (int)l->size;
}

static tn_status not_that(const tn_proto_lexer *l, const tn_proto_field *f, const char *wanted)
{
    if (l->kind == TN_PROTO_END)
        return tn_proto_bad(l, "the text ends where %s of %s is wanted", wanted, f->name);
    return tn_proto_bad(l, "%s wants %s, not %.*s", f->name, wanted, shown(l), l->at);
}

/* ---- scalars ---------------------------------------------------------------------------------- */

/* The word as a number of its own; false: too long for one. */
static bool number_text(const tn_proto_lexer *l, bool minus, char *to, size_t room)
{
    if (l->size + 2 > room)
        return false;
    to[0] = '-';
    memcpy(to + minus, l->at, l->size);
    to[minus + l->size] = '\0';
    return true;
}

static tn_status read_int(reader *r, const tn_proto_field *f, bool minus, int64_t *out)
{
    char text[64], *end = text;
    if (r->l.kind != TN_PROTO_NUMBER || !number_text(&r->l, minus, text, sizeof text))
        return not_that(&r->l, f, "a whole number");
    const bool hex = text[minus] == '0' && (text[minus + 1] == 'x' || text[minus + 1] == 'X');
    const bool octal = text[minus] == '0' && !hex;
    const int base = hex ? 16 : octal ? 8 : 10;
    /* Without the sign strtoull takes the whole range of uint64. */
    const unsigned long long size = strtoull(text + minus, &end, base);
    const bool fits = minus ? size <= (unsigned long long)INT64_MAX + 1 : size < UINT64_MAX;
    if (*end || !fits)
        return not_that(&r->l, f, "a whole number of 64 bits");
    *out = minus ? (int64_t)-size : (int64_t)size;
    return TN_OK;
}

static tn_status read_real(reader *r, const tn_proto_field *f, bool minus, double *out)
{
    char text[512], *end = text;
    if (is_word(&r->l, "inf") || is_word(&r->l, "infinity") || is_word(&r->l, "nan")) {
        *out = r->l.at[0] == 'n' ? (double)NAN : minus ? -(double)INFINITY : (double)INFINITY;
        return TN_OK;
    }
    if (r->l.kind != TN_PROTO_NUMBER || !number_text(&r->l, minus, text, sizeof text))
        return not_that(&r->l, f, "a number");
    *out = tn_parse(text, &end);
    if (*end == 'f' || *end == 'F')
        end++;
    return *end || end == text ? not_that(&r->l, f, "a number") : TN_OK;
}

static tn_status read_bool(reader *r, const tn_proto_field *f, int64_t *out)
{
    static const char *const words[][2] = {{"false", "true"}, {"False", "True"}, {"f", "t"}};
    for (size_t i = 0; i < TN_COUNT(words); i++)
        for (*out = 0; *out < 2; ++*out)
            if (is_word(&r->l, words[i][*out]))
                return TN_OK;
    if (r->l.kind == TN_PROTO_NUMBER && r->l.size == 1 && (*r->l.at == '0' || *r->l.at == '1')) {
        *out = *r->l.at - '0';
        return TN_OK;
    }
    return not_that(&r->l, f, "true or false");
}

static tn_status read_enum(reader *r, const tn_proto_field *f, bool minus, int64_t *out)
{
    if (r->l.kind == TN_PROTO_NUMBER)
        return read_int(r, f, minus, out);
    for (const tn_proto_word *w = f->words; w->name && !minus; w++)
        if (is_word(&r->l, w->name)) {
            *out = w->number;
            return TN_OK;
        }
    return not_that(&r->l, f, "a word");
}

/* A word that an enumeration does not have may be one that somebody added: it is a stray, as a field would be. */
static bool is_stray_word(const reader *r, const tn_proto_field *f)
{
    if (f->kind != TN_PROTO_ENUM || r->l.kind != TN_PROTO_NAME)
        return false;
    for (const tn_proto_word *w = f->words; w->name; w++)
        if (is_word(&r->l, w->name))
            return false;
    return true;
}

static void put_stray(reader *r, const char *field)
{
    char stray[160];
    const int length = snprintf(stray, sizeof stray, "%d: %s%s%.*s", r->l.line, field,
                                *field ? " " : "", shown(&r->l), r->l.at);
    tn_proto_put_bytes(r->out, TN_PROTO_STRAY, stray, (size_t)length);
}

/* Strings that follow each other are one. */
static tn_status read_string(reader *r, const tn_proto_field *f)
{
    char *bytes = NULL;
    size_t size = 0;
    tn_status status =
        r->l.kind == TN_PROTO_STRING ? TN_OK : not_that(&r->l, f, "a string in quotes");
    while (status == TN_OK && r->l.kind == TN_PROTO_STRING) {
        size_t more;
        char *longer = tn_alloc(size + r->l.size, 1);
        if (!longer) {
            status = tn_no_memory("a string", size + r->l.size);
            break;
        }
        if (size)
            memcpy(longer, bytes, size);
        tn_free(bytes);
        bytes = longer;
        status = tn_proto_unquote(&r->l, bytes + size, &more);
        size += more;
        if (status == TN_OK)
            status = tn_proto_lex(&r->l);
    }
    if (status == TN_OK)
        tn_proto_put_bytes(r->out, f->number, bytes, size);
    tn_free(bytes);
    return status;
}

static tn_status read_scalar(reader *r, const tn_proto_field *f)
{
    int64_t number = 0;
    double real = 0;
    if (is_stray_word(r, f)) {
        put_stray(r, f->name);
        return tn_proto_lex(&r->l);
    }
    const bool minus = tn_proto_at(&r->l, '-');
    if (minus)
        TN_TRY(tn_proto_lex(&r->l));
    switch (f->kind) {
    case TN_PROTO_FLOAT:
    case TN_PROTO_DOUBLE:
        TN_TRY(read_real(r, f, minus, &real));
        break;
    case TN_PROTO_BOOL:
        TN_TRY(read_bool(r, f, &number));
        break;
    case TN_PROTO_ENUM:
        TN_TRY(read_enum(r, f, minus, &number));
        break;
    default:
        TN_TRY(read_int(r, f, minus, &number));
    }
    if (f->kind == TN_PROTO_FLOAT)
        tn_proto_put_float(r->out, f->number, (float)real);
    else if (f->kind == TN_PROTO_DOUBLE)
        tn_proto_put_double(r->out, f->number, real);
    else
        tn_proto_put_int(r->out, f->number, number);
    return tn_proto_lex(&r->l);
}

/* ---- messages --------------------------------------------------------------------------------- */

static tn_status read_fields(reader *r, const tn_proto_field *type, int depth);

/* Between its brackets; one that is not known has no type. */
static tn_status read_message(reader *r, const tn_proto_field *type, int depth)
{
    const char close = tn_proto_at(&r->l, '{') ? '}' : '>';
    const int line = r->l.line;
    if (depth == TN_PROTO_DEPTH)
        return tn_proto_bad(&r->l, "messages lie in each other more than %d deep", TN_PROTO_DEPTH);
    if (type)
        tn_proto_put_int(r->out, TN_PROTO_LINE, line);
    TN_TRY(tn_proto_lex(&r->l));
    TN_TRY(read_fields(r, type, depth + 1));
    if (!tn_proto_at(&r->l, close))
        return tn_proto_bad(&r->l, "the message that began in line %d wants its %c here", line,
                            close);
    return tn_proto_lex(&r->l);
}

static bool at_message(const reader *r)
{
    return tn_proto_at(&r->l, '{') || tn_proto_at(&r->l, '<');
}

static tn_status read_value(reader *r, const tn_proto_field *f, int depth)
{
    if (f->kind == TN_PROTO_TEXT || f->kind == TN_PROTO_BYTES)
        return read_string(r, f);
    if (f->kind != TN_PROTO_MESSAGE)
        return read_scalar(r, f);
    if (!at_message(r))
        return not_that(&r->l, f, "{");
    const tn_proto_mark mark = tn_proto_put_message(r->out, f->number);
    TN_TRY(read_message(r, f->type, depth));
    tn_proto_end_message(r->out, mark);
    return TN_OK;
}

/* A value of what no table knows. */
static tn_status pass_value(reader *r, int depth)
{
    if (at_message(r))
        return read_message(r, NULL, depth);
    if (tn_proto_at(&r->l, '-'))
        TN_TRY(tn_proto_lex(&r->l));
    if (r->l.kind == TN_PROTO_SIGN || r->l.kind == TN_PROTO_END)
        return tn_proto_bad(&r->l, "a value is wanted here");
    const bool string = r->l.kind == TN_PROTO_STRING;
    do
        TN_TRY(tn_proto_lex(&r->l));
    while (string && r->l.kind == TN_PROTO_STRING);
    return TN_OK;
}

static tn_status read_or_pass(reader *r, const tn_proto_field *f, int depth)
{
    return f ? read_value(r, f, depth) : pass_value(r, depth);
}

/* [a, b, c] of a field that may be there often. */
static tn_status read_list(reader *r, const tn_proto_field *f, int depth)
{
    if (f && !f->many)
        return tn_proto_bad(&r->l, "%s has one value, no list", f->name);
    do {
        TN_TRY(tn_proto_lex(&r->l));
        if (!tn_proto_at(&r->l, ']'))
            TN_TRY(read_or_pass(r, f, depth));
    } while (tn_proto_at(&r->l, ','));
    return tn_proto_at(&r->l, ']') ? tn_proto_lex(&r->l)
                                   : tn_proto_bad(&r->l, "the list wants a comma or its ] here");
}

/* "[some.extension]" up to its bracket; the words of it do not matter. */
static tn_status pass_extension(reader *r)
{
    while (r->l.kind != TN_PROTO_END && !tn_proto_at(&r->l, ']'))
        TN_TRY(tn_proto_lex(&r->l));
    return r->l.kind == TN_PROTO_END ? tn_proto_bad(&r->l, "the name in brackets has no end")
                                     : TN_OK;
}

/* The field's name, as one of the table, or as a stray. */
static tn_status read_name(reader *r, const tn_proto_field *type, const tn_proto_field **out,
                           size_t begun)
{
    *out = NULL;
    for (const tn_proto_field *f = type; f && f->number && !*out; f++)
        *out = is_word(&r->l, f->name) ? f : NULL;
    if (*out && !(*out)->many && r->out->status == TN_OK) {
        const tn_proto so_far = {type, {r->out->bytes + begun, r->out->size - begun}};
        if (tn_proto_has(&so_far, (*out)->number))
            return tn_proto_bad(&r->l, "%s is said twice", (*out)->name);
    }
    if (!*out && type)
        put_stray(r, "");
    if (tn_proto_at(&r->l, '['))
        TN_TRY(pass_extension(r));
    return tn_proto_lex(&r->l);
}

/* Up to what is no field. */
static tn_status read_fields(reader *r, const tn_proto_field *type, int depth)
{
    const size_t begun = r->out->size;
    while (r->l.kind == TN_PROTO_NAME || tn_proto_at(&r->l, '[')) {
        const tn_proto_field *f;
        TN_TRY(read_name(r, type, &f, begun));
        const bool colon = tn_proto_at(&r->l, ':');
        if (colon)
            TN_TRY(tn_proto_lex(&r->l));
        else if (!at_message(r))
            return tn_proto_bad(&r->l, "a : is wanted between a field's name and its value");
        TN_TRY(tn_proto_at(&r->l, '[') ? read_list(r, f, depth) : read_or_pass(r, f, depth));
        if (tn_proto_at(&r->l, ',') || tn_proto_at(&r->l, ';'))
            TN_TRY(tn_proto_lex(&r->l));
    }
    return r->out->status;
}

tn_status tn_proto_of_text(tn_proto_out *out, const tn_proto_field *type, const char *file,
                           const char *text, size_t size)
{
    reader r = {.out = out};
    TN_TRY(tn_proto_lex_begin(&r.l, file, text, size));
    TN_TRY(read_fields(&r, type, 0));
    return r.l.kind == TN_PROTO_END ? out->status
                                    : tn_proto_bad(&r.l, "the name of a field is wanted here");
}
