/*
 * text_read: a graph from its text, see <tenon/text.h>. A node is made as a layer makes it, so that all checks of a
 * net are those of its ops; what is checked here is the text.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "graph/text.h"

enum { VERSION = 1, MOST_BYTES = TN_TEXT_BYTES, MOST_NODES = 1000000, WORD_BYTES = 64 };

typedef struct reader {
    const tn_text_source *from;
    tn_lex lex;
    tn_graph *g;
    tn_arena arena; /* of names on the left of a node */
    void *opts;     /* room for those of any op */
    size_t opts_bytes;
} reader;

static tn_status fail_here(const reader *r, const char *wanted)
{
    return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.at, "\"%.60s\" where %s should be",
                       tn_lex_word(&r->lex), wanted);
}

static tn_status want_sign(reader *r, char sign, const char *wanted)
{
    return tn_lex_is(&r->lex, sign) ? tn_lex_step(&r->lex) : fail_here(r, wanted);
}

/* What the graph says of what was just added, which the text tells of at that place. */
static tn_status check_graph(const reader *r, const char *at)
{
    const tn_status status = tn_graph_status(r->g);
    return status == TN_OK ? TN_OK : tn_lex_fail(&r->lex, status, at, "%s", tn_error());
}

static tn_status copy_word(reader *r, const char **out)
{
    const size_t bytes = strlen(r->lex.word) + 1;
    char *copy = tn_arena_alloc(&r->arena, bytes, 1);
    if (!copy)
        return tn_no_memory("graph text", bytes);
    *out = memcpy(copy, r->lex.word, bytes);
    return tn_lex_step(&r->lex);
}

tn_status tn_lex_value(tn_lex *l, tn_value *out)
{
    if (!tn_lex_is_name(l))
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at, "\"%.60s\" where the name of a value should be",
                           tn_lex_word(l));
    *out = tn_graph_value(l->g, l->word);
    if (out->id == 0)
        return tn_lex_fail(l, TN_ERR_FORMAT, l->at,
                           "\"%.200s\" is read here, but no line before makes it", l->word);
    return tn_lex_step(l);
}

/* ---- lines that begin with a word of their own ------------------------------------------------ */

static tn_status take_dimension(reader *r, tn_shape *shape, int *place)
{
    char *end;
    errno = 0;
    const bool batch = strcmp(r->lex.word, "N") == 0;
    const long long size = batch ? r->from->batch : strtoll(r->lex.word, &end, 10);
    if (r->lex.kind != TN_TOKEN_WORD || (!batch && (*end || errno || size < 1)))
        return fail_here(r, "a dimension, N or a number above 0,");
    if (shape->ndim == TN_MAX_DIMS)
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.at, "more than %d dimensions",
                           TN_MAX_DIMS);
    if (batch && *place < 0)
        *place = shape->ndim;
    shape->dim[shape->ndim++] = size;
    return tn_lex_step(&r->lex);
}

static bool at_line_end(const reader *r)
{
    return r->lex.kind == TN_TOKEN_LINE || r->lex.kind == TN_TOKEN_END;
}

/* "=none", or "=" and a dimension: which of them is the batch. */
static tn_status take_batch(reader *r, int ndim, int *batch)
{
    TN_TRY(tn_lex_step(&r->lex));
    TN_TRY(want_sign(r, '=', "\"=\""));
    const char *word = r->lex.word;
    const bool digit =
        r->lex.kind == TN_TOKEN_WORD && *word >= '0' && *word < '0' + ndim && !word[1];
    if (!digit && strcmp(word, "none") != 0)
        return fail_here(r, "the dimension that is the batch, from 0, or none,");
    *batch = digit ? *word - '0' : TN_NO_BATCH;
    return tn_lex_step(&r->lex);
}

static tn_status read_input(reader *r)
{
    tn_shape shape = {0};
    int batch = -1;
    tn_dtype dtype = TN_F32;
    const char *at = r->lex.at, *name = NULL;
    TN_TRY(copy_word(r, &name));
    if (!tn_text_dtype(r->lex.word, &dtype))
        return fail_here(r, "the type of the input, such as f32 or u8,");
    TN_TRY(tn_lex_step(&r->lex));
    while (!at_line_end(r) && strcmp(r->lex.word, "batch") != 0)
        TN_TRY(take_dimension(r, &shape, &batch));
    if (batch < 0 && shape.ndim > 0)
        batch = 0;
    if (!at_line_end(r))
        TN_TRY(take_batch(r, shape.ndim, &batch));
    tn_input_batched(r->g, name, dtype, shape, batch);
    return check_graph(r, at);
}

static tn_status read_output(reader *r)
{
    tn_value v;
    TN_TRY(tn_lex_value(&r->lex, &v));
    tn_output(r->g, v);
    return tn_graph_status(r->g);
}

static tn_status read_loss(reader *r)
{
    tn_value v;
    if (tn_graph_loss(r->g).id)
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.at, "a second loss, \"%.60s\"",
                           tn_lex_word(&r->lex));
    TN_TRY(tn_lex_value(&r->lex, &v));
    tn_minimise(r->g, v);
    return TN_OK;
}

static const struct {
    const char *word;
    tn_status (*read)(reader *r);
} statements[] = {{"input", read_input}, {"output", read_output}, {"loss", read_loss}};

/* ---- nodes ------------------------------------------------------------------------------------ */

/* One line's; the names in front of it are read. */
typedef struct node_line {
    const char *name[TN_MAX_OUT];
    int num_names, num_in;
    const tn_op *op;
    tn_value in[TN_MAX_IN];
} node_line;

static tn_status take_inputs(reader *r, node_line *n, const char *at)
{
    bool more = !tn_lex_is(&r->lex, ')');
    while (more) {
        tn_value v;
        TN_TRY(tn_lex_value(&r->lex, &v));
        if (n->num_in < TN_MAX_IN)
            n->in[n->num_in] = v;
        n->num_in++;
        TN_TRY(tn_lex_take(&r->lex, ',', &more));
    }
    TN_TRY(want_sign(r, ')', "\",\" or \")\""));
    if (n->num_in >= n->op->min_in && n->num_in <= n->op->max_in)
        return TN_OK;
    char wanted[WORD_BYTES];
    snprintf(wanted, sizeof wanted, n->op->max_in > n->op->min_in ? "%d to %d" : "%d",
             n->op->min_in, n->op->max_in);
    return tn_lex_fail(&r->lex, TN_ERR_FORMAT, at, "%s reads %s values, not %d", n->op->name,
                       wanted, n->num_in);
}

/* What is chosen, whatever the line says. */
static void change_width(const reader *r, const node_line *n)
{
    const tn_text_source *from = r->from;
    if (!from->widen)
        return;
    if (strcmp(from->widen, n->name[0]) == 0)
        *tn_op_width(n->op, r->opts) = from->width;
    for (int i = 0; n->op == &tn_op_param && i < from->num_wide; i++)
        if (strcmp(from->wide[i].name, n->name[0]) == 0)
            ((tn_param_node_opts *)r->opts)->shape.dim[from->wide[i].dim] = from->width;
}

/* From the "=" on. */
static tn_status read_node(reader *r, node_line *n)
{
    TN_TRY(want_sign(r, '=', "\"=\""));
    const char *at = r->lex.at;
    n->op = r->lex.kind == TN_TOKEN_WORD ? tn_op_find(r->lex.word) : NULL;
    if (!n->op)
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, at, "there is no operation \"%.60s\"",
                           tn_lex_word(&r->lex));
    TN_TRY(tn_lex_step(&r->lex));
    TN_TRY(want_sign(r, '(', "\"(\""));
    TN_TRY(take_inputs(r, n, at));
    memset(r->opts, 0, r->opts_bytes);
    TN_TRY(tn_attrs_read(&r->lex, n->op, r->opts));
    change_width(r, n);
    if (r->g->num_nodes >= MOST_NODES)
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, at, "more than %d nodes", MOST_NODES);
    tn_graph_add_named(r->g, n->op, n->name, n->num_names, n->num_in, n->in, r->opts);
    return check_graph(r, at);
}

static tn_status take_more_names(reader *r, node_line *n)
{
    bool more;
    TN_TRY(tn_lex_take(&r->lex, ',', &more));
    while (more) {
        if (!tn_lex_is_name(&r->lex))
            return fail_here(r, "one more name");
        if (n->num_names == TN_MAX_OUT)
            return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.at,
                               "no operation makes more than %d values", TN_MAX_OUT);
        TN_TRY(copy_word(r, &n->name[n->num_names++]));
        TN_TRY(tn_lex_take(&r->lex, ',', &more));
    }
    return TN_OK;
}

/* ---- the whole -------------------------------------------------------------------------------- */

static tn_status read_line(reader *r)
{
    node_line n = {.num_names = 1};
    const bool word = r->lex.kind == TN_TOKEN_WORD;
    const char *at = r->lex.at;
    if (!tn_lex_is_name(&r->lex))
        return fail_here(r, "the name of a node");
    TN_TRY(copy_word(r, &n.name[0]));
    for (size_t i = 0; word && tn_lex_is_name(&r->lex) && i < TN_COUNT(statements); i++)
        if (strcmp(statements[i].word, n.name[0]) == 0)
            return statements[i].read(r);
    if (!tn_lex_is(&r->lex, '=') && !tn_lex_is(&r->lex, ','))
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, at,
                           "\"%.60s\" begins no line: a node is NAME = OPERATION(VALUES), and "
                           "else there are input, output and loss",
                           n.name[0]);
    TN_TRY(take_more_names(r, &n));
    return read_node(r, &n);
}

static tn_status read_header(reader *r)
{
    static const char *const words[] = {"tenon", "graph"};
    for (size_t i = 0; i < TN_COUNT(words); i++) {
        if (strcmp(r->lex.word, words[i]) != 0)
            return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.begin,
                               "is no text of a graph: it does not begin with \"tenon graph %d\"",
                               VERSION);
        TN_TRY(tn_lex_step(&r->lex));
    }
    if (strcmp(r->lex.word, "1") != 0)
        return tn_lex_fail(&r->lex, TN_ERR_FORMAT, r->lex.at,
                           "is \"%.20s\" of the text of a graph; Tenon %s reads %d",
                           tn_lex_word(&r->lex), tn_version(), VERSION);
    return tn_lex_step(&r->lex);
}

static tn_status read_all(reader *r)
{
    TN_TRY(read_header(r));
    while (r->lex.kind != TN_TOKEN_END) {
        if (!at_line_end(r))
            return fail_here(r, "the end of the line");
        TN_TRY(tn_lex_step(&r->lex));
        if (!at_line_end(r))
            TN_TRY(read_line(r));
    }
    return TN_OK;
}

static tn_status make_room(reader *r)
{
    r->opts_bytes = tn_op_param.opts_size + tn_op_constant.opts_size; /* in no table */
    for (const tn_op *const *op = tn_op_table; *op; op++)
        r->opts_bytes = (*op)->opts_size > r->opts_bytes ? (*op)->opts_size : r->opts_bytes;
    r->opts = tn_alloc(1, r->opts_bytes);
    return r->opts ? TN_OK : tn_no_memory("graph text", r->opts_bytes);
}

tn_status tn_text_read(tn_graph **out, const tn_text_source *from)
{
    reader r = {.from = from};
    if (from->bytes > MOST_BYTES)
        return tn_fail(TN_ERR_FORMAT, "%s: has more than the %d bytes that the text of a graph may",
                       from->name, MOST_BYTES);
    tn_status status = tn_lex_open(&r.lex, from->name, from->text, from->bytes);
    if (status == TN_OK)
        status = tn_graph_create(&r.g);
    r.lex.g = r.g;
    if (status == TN_OK)
        status = make_room(&r);
    if (status == TN_OK)
        status = read_all(&r);
    tn_free(r.opts);
    tn_arena_free(&r.arena);
    tn_lex_close(&r.lex);
    if (status != TN_OK) {
        tn_graph_destroy(r.g);
        return status;
    }
    *out = r.g;
    return TN_OK;
}
