/*
 * text_attrs: the options of any op as words, by its table of attributes: `kernel=3,5 no_bias weight.rate=2`.
 */
#include "graph/text_attrs.h"

#include <string.h>

/* What is said of a parameter: behind the attribute's name and a dot. */
static const tn_attr of_param[] = {
    {"init", NULL, TN_ATTR_INIT, offsetof(tn_param_opts, init)},
    {"rate", NULL, TN_ATTR_FLOAT, offsetof(tn_param_opts, rate)},
    {"decay", NULL, TN_ATTR_FLOAT, offsetof(tn_param_opts, decay)},
    {"frozen", NULL, TN_ATTR_BOOL, offsetof(tn_param_opts, frozen)},
    {"value", NULL, TN_ATTR_VALUE, offsetof(tn_param_opts, value)},
    {0},
};

int *tn_op_width(const tn_op *op, void *opts)
{
    for (const tn_attr *a = op->attrs; op->width && a->name; a++)
        if (strcmp(a->name, op->width) == 0)
            return (int *)(void *)((char *)opts + a->offset);
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void write_field(tn_text *t, const char *group, const tn_attr *a, const void *opts)
{
    const tn_attr_codec *codec = &tn_attr_codecs[a->type];
    const void *field = (const char *)opts + a->offset;
    if (!codec->is_given(field))
        return;
    tn_text_put(t, " %s%s%s", group, *group ? "." : "", a->name);
    if (codec->write) {
        tn_text_put(t, "=");
        codec->write(t, a, field);
    }
}

void tn_attrs_write(tn_text *t, const tn_op *op, const void *opts)
{
    for (const tn_attr *a = op->attrs; a && a->name; a++) {
        if (a->type != TN_ATTR_PARAM) {
            write_field(t, "", a, opts);
            continue;
        }
        for (const tn_attr *part = of_param; part->name; part++)
            write_field(t, a->name, part, (const char *)opts + a->offset);
    }
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* A field by its name in the text; `number` is one of its own in the op. */
typedef struct found {
    const tn_attr *attr;
    size_t offset;
    int number;
} found;

static bool find_part(const tn_attr *a, int number, const char *word, found *f)
{
    const size_t length = strlen(a->name);
    if (strncmp(word, a->name, length) != 0 || word[length] != '.')
        return false;
    for (const tn_attr *part = of_param; part->name; part++, number++)
        if (strcmp(word + length + 1, part->name) == 0) {
            *f = (found){part, a->offset + part->offset, number};
            return true;
        }
    return false;
}

static bool find_field(const tn_op *op, const char *word, found *f)
{
    int number = 0;
    for (const tn_attr *a = op->attrs; a && a->name; a++) {
        if (a->type == TN_ATTR_PARAM && find_part(a, number, word, f))
            return true;
        if (a->type != TN_ATTR_PARAM && strcmp(a->name, word) == 0) {
            *f = (found){a, a->offset, number};
            return true;
        }
        number += a->type == TN_ATTR_PARAM ? (int)TN_COUNT(of_param) : 1;
    }
    return false;
}

enum { MOST_FIELDS = 64 }; /* of one op; a test looks */

static tn_status read_field(tn_lex *l, const tn_op *op, bool seen[MOST_FIELDS], void *opts)
{
    found f;
    bool equals;
    if (!tn_lex_is_name(l))
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at,
                           "\"%s\" where an option of %s, or the end of the line, should be",
                           tn_lex_word(l), op->name);
    if (!find_field(op, l->word, &f))
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "%s has no option \"%.60s\"", op->name,
                           l->word);
    if (seen[f.number])
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "\"%.60s\" is given twice", l->word);
    seen[f.number] = true;
    const tn_attr_codec *codec = &tn_attr_codecs[f.attr->type];
    TN_TRY(tn_lex_step(l));
    if (tn_lex_is(l, '=') != (codec->write != NULL))
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at,
                           codec->write ? "%s wants a value: \"%s\" is no \"=\""
                                        : "%s stands by itself: \"%s\" has no place behind it",
                           f.attr->name, tn_lex_word(l));
    TN_TRY(tn_lex_take(l, '=', &equals));
    return codec->read(l, f.attr, (char *)opts + f.offset);
}

tn_status tn_attrs_read(tn_lex *l, const tn_op *op, void *opts)
{
    bool seen[MOST_FIELDS] = {false};
    while (l->kind != TN_TOKEN_LINE && l->kind != TN_TOKEN_END)
        TN_TRY(read_field(l, op, seen, opts));
    return TN_OK;
}
