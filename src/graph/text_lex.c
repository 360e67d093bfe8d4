/*
 * text_lex: the text of a graph cut into words, quoted strings, signs and ends of lines. Nothing of it is believed: any
 * bytes are a token or an error with their place.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "graph/text.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_.:/+-", c));
}

tn_status tn_lex_fail(const tn_lex *l, tn_status status, const char *at, const char *format, ...)
{
    char why[768];
    size_t line = 1;
    const char *begin = l->begin;
    for (const char *p = l->begin; p < at; p++)
        if (*p == '\n') {
            line++;
            begin = p + 1;
        }
    va_list args;
    va_start(args, format);
    tn_vprint(why, sizeof why, format, args);
    va_end(args);
    return tn_fail(status, "%s:%zu:%zu: %s", l->name, line, (size_t)(at - begin) + 1, why);
}

tn_status tn_lex_open(tn_lex *l, const char *name, const char *text, size_t bytes)
{
    *l = (tn_lex){.name = name,
                  .begin = text,
                  .next = text,
                  .end = text + bytes,
                  .word = tn_alloc(bytes + 2, 1)};
    return l->word ? tn_lex_step(l) : tn_no_memory("graph text", bytes);
}

void tn_lex_close(tn_lex *l)
{
    tn_free(l->word);
}

/* One character of a string, of which l->next is past the backslash. */
static tn_status read_escape(tn_lex *l, char *to)
{
    static const char from[] = "nrtabfv\\\"'?", means[] = "\n\r\t\a\b\f\v\\\"'?";
    const char *at = l->next - 1;
    int code = 0, digits = 0;
    while (digits < 3 && l->next < l->end && *l->next >= '0' && *l->next <= '7') {
        code = 8 * code + (*l->next++ - '0');
        digits++;
    }
    if (digits > 0 && code > 0 && code < 256) {
        *to = (char)code;
        return TN_OK;
    }
    const char *known =
        digits || l->next == l->end ? NULL : memchr(from, *l->next, sizeof from - 1);
    if (!known)
        return tn_lex_fail(l, TN_ERR_FORMAT, at, "an escape that there is not");
    *to = means[known - from];
    l->next++;
    return TN_OK;
}

static tn_status read_string(tn_lex *l)
{
    char *to = l->word;
    l->kind = TN_TOKEN_STRING;
    l->next++;
    while (l->next < l->end && *l->next != '"' && *l->next != '\n' && *l->next) {
        if (*l->next == '\\') {
            l->next++;
            TN_TRY(read_escape(l, to++));
        } else {
            *to++ = *l->next++;
        }
    }
    *to = '\0';
    if (l->next == l->end || *l->next != '"')
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "a name in quotes that does not end");
    l->next++;
    return TN_OK;
}

static void skip_blanks(tn_lex *l)
{
    while (l->next < l->end && (*l->next == ' ' || *l->next == '\t' || *l->next == '\r'))
        l->next++;
    if (l->next < l->end && *l->next == '#')
        while (l->next < l->end && *l->next != '\n' && *l->next)
            l->next++;
}

tn_status tn_lex_step(tn_lex *l)
{
    skip_blanks(l);
    l->at = l->next;
    l->word[0] = '\0';
    l->kind = TN_TOKEN_END;
    if (l->next == l->end)
        return TN_OK;
    const char c = *l->next;
    if (c == '"')
        return read_string(l);
    l->kind = c == '\n' ? TN_TOKEN_LINE : TN_TOKEN_SIGN;
    if (is_word(c)) {
        l->kind = TN_TOKEN_WORD;
        while (l->next < l->end && is_word(*l->next))
            l->next++;
    } else if (c && strchr("(),=\n", c)) {
        l->next++;
    } else {
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at,
                           "byte 0x%02x has no place here: names of other "
                           "than letters, digits and _.:/- stand between quotes",
                           (unsigned char)c);
    }
    const size_t length = (size_t)(l->next - l->at);
    memcpy(l->word, l->at, length);
    l->word[length] = '\0';
    return TN_OK;
}

tn_status tn_lex_take(tn_lex *l, char sign, bool *taken)
{
    *taken = tn_lex_is(l, sign);
    return *taken ? tn_lex_step(l) : TN_OK;
}

const char *tn_lex_word(const tn_lex *l)
{
    return l->kind == TN_TOKEN_END    ? "the end of the text"
           : l->kind == TN_TOKEN_LINE ? "the end of the line"
                                      : l->word;
}
