/*
 * The text of a graph, see <tenon/text.h>: what its writer and its reader share.
 */
#ifndef TN_GRAPH_TEXT_H
#define TN_GRAPH_TEXT_H

#include <tenon/text.h>

#include "graph/graph.h"

/* ---- writing ---------------------------------------------------------------------------------- */

/* A text that grows, and ends in '\0'. After want of memory it takes no more, and says so at the end. */
typedef struct tn_text {
    const tn_graph *g; /* whose it is */
    char *at;
    size_t used, capacity;
    bool failed;
} tn_text;

void tn_text_put(tn_text *t, const char *format, ...) TN_PRINTF(2, 3);
/* As it is if it is plain, else between quotes. */
void tn_text_put_name(tn_text *t, const char *name);

/* The text, for tn_free(). NULL roots: those of the graph. */
typedef struct tn_text_roots {
    const tn_value *output;
    size_t num_outputs;
    tn_value loss;
} tn_text_roots;
/* What N stands for: the batch of all inputs; 0: they do not agree, or have none. */
int64_t tn_text_batch(const tn_graph *g);
tn_status tn_graph_format(const tn_graph *g, const tn_text_roots *roots, char **out);

/* ---- reading ---------------------------------------------------------------------------------- */

typedef enum tn_token_kind {
    TN_TOKEN_WORD,   /* letters, digits and _ . : / + - */
    TN_TOKEN_STRING, /* was between quotes */
    TN_TOKEN_SIGN,   /* one of ( ) , = */
    TN_TOKEN_LINE,   /* the end of a line */
    TN_TOKEN_END
} tn_token_kind;

/* The token that is next; `word` is its text, until the next one is read. */
typedef struct tn_lex {
    tn_graph *g;      /* that is made of it */
    const char *name; /* of the whole text, for errors */
    const char *begin, *next, *end;
    tn_token_kind kind;
    const char *at; /* where the token begins */
    size_t numbers; /* bytes of constants so far */
    char *word;
} tn_lex;

/* Opens before the first token, which is read. `text` must outlive it. */
tn_status tn_lex_open(tn_lex *l, const char *name, const char *text, size_t bytes);
void tn_lex_close(tn_lex *l);
tn_status tn_lex_step(tn_lex *l);
/* Is that sign next? Then steps over it. */
tn_status tn_lex_take(tn_lex *l, char sign, bool *taken);
static inline bool tn_lex_is(const tn_lex *l, char sign)
{
    return l->kind == TN_TOKEN_SIGN && l->word[0] == sign;
}
static inline bool tn_lex_is_name(const tn_lex *l)
{
    return l->kind == TN_TOKEN_WORD || l->kind == TN_TOKEN_STRING;
}
/* The next token as an error tells of it: the word, or what it is instead. */
const char *tn_lex_word(const tn_lex *l);
/* "NAME:LINE:COLUMN: ..." of a place in the text. */
tn_status tn_lex_fail(const tn_lex *l, tn_status status, const char *at, const char *format, ...)
    TN_PRINTF(4, 5);

/* A text to be read, and what is chosen then. */
typedef struct tn_text_source {
    const char *name, *text;
    size_t bytes;
    int64_t batch;
    const char *widen; /* the node whose width is this one, whatever its line says; NULL: none */
    int width;
    struct {
        const char *name;
        int dim;
    } wide
        [TN_MAX_PARAMS +
         4]; /* parameters with lines of their own, a dimension of which is that, too; up to NULL */
    int num_wide;
} tn_text_source;
enum { TN_TEXT_BYTES = 16 << 20 }; /* at most */
/* A file's text, which ends in '\0', for tn_free(), also after an error. */
tn_status tn_text_load(const char *path, char **text, size_t *bytes);
tn_status tn_text_read(tn_graph **out, const tn_text_source *from);

/* A value that was made on a line before, by the name that is next. */
tn_status tn_lex_value(tn_lex *l, tn_value *out);

/* ---- attributes ------------------------------------------------------------------------------- */

/* " name=value" of each that was given. */
void tn_attrs_write(tn_text *t, const tn_op *op, const void *opts);
/* The type of that name; false: there is none. */
bool tn_text_dtype(const char *word, tn_dtype *out);
/* All up to the end of the line; opts: op->opts_size zeroed bytes. */
tn_status tn_attrs_read(tn_lex *l, const tn_op *op, void *opts);

#endif
