#include "io/proto_lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

tn_status tn_proto_bad(const tn_proto_lexer *l, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return tn_fail(TN_ERR_FORMAT, "%s:%d:%zu: %s", l->file, l->line,
                   (size_t)(l->at - l->line_at) + 1, why);
}

bool tn_proto_at(const tn_proto_lexer *l, char sign)
{
    return l->kind == TN_PROTO_SIGN && *l->at == sign;
}

/* To the next word. */
static const char *pass_blanks(tn_proto_lexer *l, const char *p)
{
    for (; p < l->end; p++)
        if (*p == '\n') {
            l->line++;
            l->line_at = p + 1;
        } else if (*p == '#') {
            while (p + 1 < l->end && p[1] != '\n')
                p++;
        } else if (!strchr(" \t\r\f\v", *p) || *p == '\0') {
            break;
        }
    return p;
}

/* Where a string ends; NULL: on this line it does not. */
static const char *end_of_string(const tn_proto_lexer *l, const char *p)
{
    const char quote = *p++;
    for (; p < l->end && *p != '\n'; p++)
        if (*p == quote)
            return p + 1;
        else if (*p == '\\' && p + 1 < l->end && p[1] != '\n')
            p++;
    return NULL;
}

static const char *end_of_name(const tn_proto_lexer *l, const char *p)
{
    while (p < l->end && (is_letter(*p) || is_digit(*p)))
        p++;
    return p;
}

/* A sign of its own is part of an exponent only; what is no number is told when it is read as one. */
static const char *end_of_number(const tn_proto_lexer *l, const char *p)
{
    const bool hex = l->end - p > 1 && *p == '0' && (p[1] == 'x' || p[1] == 'X');
    for (; p < l->end; p++) {
        const bool sign = !hex && (*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E');
        if (!sign && !is_letter(*p) && !is_digit(*p) && *p != '.')
            break;
    }
    return p;
}

/* The one that begins at l->at. */
static tn_status word(tn_proto_lexer *l)
{
    const char *p = l->at;
    const char *end = p + 1;
    l->size = 1;
    if (is_letter(*p)) {
        l->kind = TN_PROTO_NAME;
        end = end_of_name(l, p);
    } else if (is_digit(*p) || *p == '.') {
        l->kind = TN_PROTO_NUMBER;
        end = end_of_number(l, p);
    } else if (*p == '"' || *p == '\'') {
        l->kind = TN_PROTO_STRING;
        end = end_of_string(l, p);
        if (!end)
            return tn_proto_bad(l, "a string that has no end on its line");
    } else if (*p != '\0' && strchr("{}<>[]:,;-", *p)) {
        l->kind = TN_PROTO_SIGN;
    } else {
        return tn_proto_bad(l, "byte 0x%02x begins no word of a message's text", (unsigned char)*p);
    }
    l->size = (size_t)(end - p);
    return TN_OK;
}

tn_status tn_proto_lex(tn_proto_lexer *l)
{
    l->at = pass_blanks(l, l->at + l->size);
    l->size = 0;
    l->kind = TN_PROTO_END;
    return l->at < l->end ? word(l) : TN_OK;
}

tn_status tn_proto_lex_begin(tn_proto_lexer *l, const char *file, const char *text, size_t size)
{
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        size -= 3;
    }
    *l = (tn_proto_lexer){
        .file = file, .text = text, .end = text + size, .at = text, .line = 1, .line_at = text};
    return tn_proto_lex(l);
}

/* ---- strings ---------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    return is_digit(c)              ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                    : 16;
}

/* Up to `most` digits from *p on. */
static int read_digits(const char **p, const char *end, int base, int most)
{
    int value = 0;
    for (; most > 0 && *p < end && digit_of(**p) < base; most--)
        value = value * base + digit_of(*(*p)++);
    return value;
}

/* What stands behind a backslash; -1: nothing that C knows. */
static int escaped(const char **p, const char *end)
{
    static const char from[] = "abfnrtv\\'\"?", to[] = "\a\b\f\n\r\t\v\\'\"?";
    const char c = **p;
    const char *known = strchr(from, c);
    if (digit_of(c) < 8)
        return read_digits(p, end, 8, 3) & 255;
    ++*p;
    if ((c == 'x' || c == 'X') && *p < end && digit_of(**p) < 16)
        return read_digits(p, end, 16, 2);
    return c && known ? (unsigned char)to[known - from] : -1;
}

tn_status tn_proto_unquote(const tn_proto_lexer *l, char *to, size_t *size)
{
    const char *p = l->at + 1, *end = l->at + l->size - 1;
    for (*size = 0; p < end; ++*size) {
        const char *began = p++;
        const int byte = *began != '\\' ? (unsigned char)*began : p < end ? escaped(&p, end) : -1;
        if (byte < 0)
            return tn_proto_bad(l, "character %zu of the string begins no escape of C",
                                (size_t)(began - l->at));
        to[*size] = (char)byte;
    }
    return TN_OK;
}
