/*
 * The words of a message's text form: names, numbers, strings, signs; comments are passed over.
 */
#ifndef TN_PROTO_LEX_H
#define TN_PROTO_LEX_H

#include "base/base.h"

typedef enum tn_proto_word_kind {
    TN_PROTO_END,
    TN_PROTO_SIGN,   /* one character: { } < > [ ] : , ; - */
    TN_PROTO_NAME,   /* a letter or _, then letters, digits, _; also "[some.extension]" */
    TN_PROTO_NUMBER, /* begins with a digit or a point */
    TN_PROTO_STRING  /* in its quotes */
} tn_proto_word_kind;

typedef struct tn_proto_lexer {
    const char *file, *text, *end;
    /* The word that comes next. */
    tn_proto_word_kind kind;
    const char *at;
    size_t size;
    int line;
    const char *line_at; /* where that line begins */
} tn_proto_lexer;

/* The first word, or the one after. An error is TN_ERR_FORMAT. */
tn_status tn_proto_lex_begin(tn_proto_lexer *l, const char *file, const char *text, size_t size);
tn_status tn_proto_lex(tn_proto_lexer *l);

/* Is it that sign? */
bool tn_proto_at(const tn_proto_lexer *l, char sign);

/* TN_ERR_FORMAT, "FILE:LINE:COLUMN: ..." of the word. */
tn_status tn_proto_bad(const tn_proto_lexer *l, const char *format, ...) TN_PRINTF(2, 3);

/* The string's bytes without quotes and escapes, at most l->size; *size of them. */
tn_status tn_proto_unquote(const tn_proto_lexer *l, char *to, size_t *size);

#endif
