/*
 * optimise: the passes one after the other, until none finds anything more, on a copy of the model.
 */
#include <string.h>

#include <tenon/optimise.h>
#include <tenon/text.h>

#include "model/passes/numbers.h"
#include "model/passes/passes.h"

/*
 * Each makes more for those behind it to find. What does nothing goes first, since it would stand between others; then what
 * only training needs, since it would be a reader of what is to be changed; numbers are known before they are put into
 * weights, and pads before affine looks for padding. What is the same twice is looked for at the end, since what it joins has
 * two readers.
 */
static const tn_model_pass *const passes[] = {
    &tn_model_pass_evaluation, &tn_model_pass_alive,  &tn_model_pass_constant, &tn_model_pass_pad,
    &tn_model_pass_batchnorm,  &tn_model_pass_affine, &tn_model_pass_common};
enum { PASSES = sizeof passes / sizeof passes[0] };

const char *tn_optimise_pass(int index)
{
    return index >= 0 && index < PASSES ? passes[index]->name : NULL;
}

/* PASSES: there is none. */
static int find_pass(const char *name, size_t length)
{
    int i = 0;
    while (i < PASSES &&
           (strlen(passes[i]->name) != length || strncmp(passes[i]->name, name, length) != 0))
        i++;
    return i;
}

const char *tn_optimise_what(const char *pass)
{
    const int i = pass ? find_pass(pass, strlen(pass)) : PASSES;
    return i < PASSES ? passes[i]->what : NULL;
}

/* ---- which ------------------------------------------------------------------------------------ */

static tn_status unknown(const char *word, int length)
{
    char names[256] = "";
    for (int i = 0; i < PASSES; i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", passes[i]->name);
    }
    return tn_fail(TN_ERR_ARGUMENT,
                   "optimise: without \"%.*s\": there is no such pass; there are %s", length, word,
                   names);
}

static tn_status read_without(const char *without, bool off[PASSES])
{
    for (const char *word = without ? without : ""; *word;) {
        const size_t length = strcspn(word, ",");
        const int i = find_pass(word, length);
        if (i == PASSES)
            return unknown(word, (int)length);
        off[i] = true;
        word += length + (word[length] == ',');
    }
    return TN_OK;
}

/* ---- the graph -------------------------------------------------------------------------------- */

typedef struct work {
    tn_model *model;     /* what is made */
    const tn_graph *now; /* its net so far, */
    tn_graph *owned;     /* if it is not that of the model which is read */
    int64_t batch;
    tn_told told[PASSES];
} work;

static void replace(work *w, tn_graph *g)
{
    tn_graph_destroy(w->owned);
    w->now = w->owned = g;
}

/*
 * With a batch that no number of the net is likely to be: with one of 1 a transposition of the batch would move nothing, and
 * a slice of its first row would be all of it. A net that cannot have another batch stays as it is.
 */
enum { ODD_BATCH = 509 };

static tn_status begin_graph(work *w, const tn_graph *g)
{
    char *text = NULL;
    tn_graph *odd = NULL;
    tn_error_kept kept;
    w->now = g;
    w->batch = tn_text_batch(g);
    TN_TRY(tn_graph_format(g, NULL, &text));
    tn_error_keep(&kept);
    const tn_graph_read_opts opts = {.batch = ODD_BATCH};
    const tn_status status = tn_graph_read(&odd, text, strlen(text), &opts);
    tn_free(text);
    if (status == TN_ERR_MEMORY)
        return status;
    tn_error_put_back(&kept);
    if (status == TN_OK)
        replace(w, odd);
    return TN_OK;
}

static tn_status run_passes(work *w, const bool off[PASSES])
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < PASSES; i++) {
            tn_graph *made = NULL;
            if (!off[i])
                TN_TRY(tn_rewrite_graph(&made, w->now, w->model, passes[i], &w->told[i]));
            if (made)
                replace(w, made);
            again |= made != NULL;
        }
    }
    return TN_OK;
}

/* ---- what is told ----------------------------------------------------------------------------- */

static tn_status tell(work *w)
{
    tn_text lines = {0};
    const char *before = tn_model_fact(w->model, "tenon.passes");
    tn_text_put(&lines, "%s", before ? before : "");
    for (int i = 0; i < PASSES; i++) {
        if (w->told[i].times == 0)
            continue;
        lines.failed |= w->told[i].nodes.failed;
        tn_text_put(&lines, "%s%s %d:%s", lines.used ? "\n" : "", passes[i]->name, w->told[i].times,
                    w->told[i].nodes.failed ? "" : w->told[i].nodes.at);
    }
    tn_status status = lines.failed ? tn_no_memory("model", lines.used) : TN_OK;
    if (status == TN_OK && lines.used)
        status = tn_model_set_fact(w->model, "tenon.passes", lines.at);
    tn_free(lines.at);
    return status;
}

/* ---- the whole -------------------------------------------------------------------------------- */

static tn_status make(work *w, const tn_model *m, const bool off[PASSES])
{
    TN_TRY(tn_rewrite_begin(&w->model, m));
    TN_TRY(begin_graph(w, m->graph));
    TN_TRY(run_passes(w, off));
    TN_TRY(tn_rewrite_end(w->model, w->now, w->batch));
    return tell(w);
}

tn_status tn_model_optimise(tn_model **out, const tn_model *m, const tn_optimise_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(m, "model");
    bool off[PASSES] = {false};
    TN_TRY(read_without(opts ? opts->without : NULL, off));
    if (!m->graph)
        return tn_fail(TN_ERR_ARGUMENT, "optimise: %s holds no net", m->path);
    if (m->graph->num_outputs == 0 && !m->graph->loss.id)
        return tn_fail(TN_ERR_ARGUMENT,
                       "optimise: %s says neither an output nor a loss: what is it for?", m->path);
    work w = {0};
    const tn_status status = make(&w, m, off);
    for (int i = 0; i < PASSES; i++)
        tn_free(w.told[i].nodes.at);
    tn_graph_destroy(w.owned);
    if (status != TN_OK) {
        tn_model_close(w.model);
        return status;
    }
    *out = w.model;
    return TN_OK;
}
