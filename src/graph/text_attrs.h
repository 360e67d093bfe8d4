/*
 * One field of an op's options, as its table of attributes tells of it: text_attrs.c finds it, text_values.c writes and
 * reads what it holds.
 */
#ifndef TN_GRAPH_TEXT_ATTRS_H
#define TN_GRAPH_TEXT_ATTRS_H

#include "graph/text.h"

/* A way to write and to read what a field of one type holds. */
typedef struct tn_attr_codec {
    bool (*is_given)(const void *field); /* no: it is as if it was not said, and is not written */
    void (*write)(tn_text *t, const tn_attr *a, const void *field); /* NULL: its name says it all */
    tn_status (*read)(tn_lex *l, const tn_attr *a, void *field);    /* from behind the "=" on */
} tn_attr_codec;

/* A whole number, or one of f32, which is next; what else is there is an error that names the attribute. */
tn_status tn_lex_int64(tn_lex *l, const tn_attr *a, int64_t low, int64_t high, int64_t *to);
tn_status tn_lex_float(tn_lex *l, const tn_attr *a, float *to);
/* The shortest text that reads back as the same number. */
void tn_text_put_float(tn_text *t, float value);

/* text_numbers.c: those of a constant. The field is all of its options. */
bool tn_has_numbers(const void *field);
void tn_write_numbers(tn_text *t, const tn_attr *a, const void *field);
tn_status tn_read_numbers(tn_lex *l, const tn_attr *a, void *field);

/* By type; of TN_ATTR_PARAM, which is several fields, none. */
extern const tn_attr_codec tn_attr_codecs[];

#endif
