/*
 * quantise: a model in whole numbers, and the one that loses no more than it may.
 */
#include "quantise/quantise.h"

#include <math.h>

#include "model/import.h"

enum { ROWS = 512, NOISE_ROWS = 64 };

static int64_t rows_of(const tn_quantise_opts *o)
{
    return o && o->rows ? o->rows : ROWS;
}

static tn_status check(const tn_quantise_opts *o)
{
    if (rows_of(o) > 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "quantise: rows is %lld", (long long)o->rows);
}

/* With scales. */
static tn_status begin(tn_grids *q, const tn_model *m, tn_device *device, tn_loader *pictures,
                       const tn_quantise_opts *opts)
{
    TN_TRY(check(opts));
    TN_TRY(tn_grids_create(q, m, pictures != NULL, opts));
    if (!pictures)
        return TN_OK;
    const tn_status status = tn_grids_calibrate(q, device, pictures, rows_of(opts));
    if (status != TN_OK)
        tn_grids_destroy(q);
    return status;
}

tn_status tn_model_quantise(tn_model **out, const tn_model *m, tn_device *device,
                            tn_loader *pictures, const tn_quantise_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(m, "model");
    tn_grids q;
    if (pictures)
        TN_NEED(device, "device");
    TN_TRY(begin(&q, m, device, pictures, opts));
    const tn_status status = tn_grids_apply(&q, false, out);
    tn_grids_destroy(&q);
    return status;
}

/* ---- within a limit ---------------------------------------------------------------------------- */

static size_t noisiest(const tn_grids *q, const double *noise)
{
    size_t worst = q->g->num_nodes;
    for (size_t i = 0; i < q->g->num_nodes; i++)
        if (q->layer[i] && (worst == q->g->num_nodes || noise[i] > noise[worst]))
            worst = i;
    return worst;
}

/* The layers that were left, the first first. */
typedef struct lines {
    tn_text text;
    int count;
} lines;

static void tell_left(lines *l, const tn_node *n, double noise)
{
    l->count++;
    tn_text_put(&l->text, "\nleft in f32: ");
    tn_text_put_name(&l->text, n->name);
    tn_text_put(&l->text, ", signal to noise %.1f dB", -10 * log10(noise));
}

static tn_status report(tn_model *m, const tn_gate *g, const lines *left)
{
    tn_text t = {0};
    const double all = (double)g->rows;
    tn_text_put(&t, "rows %lld", (long long)g->rows);
    tn_text_put(&t, "\ntop-1 %.2f %% before, %.2f %% now", 100 * (double)g->top_1[0] / all,
                100 * (double)g->top_1[1] / all);
    tn_text_put(&t, "\ntop-k %.2f %% before, %.2f %% now", 100 * (double)g->top_k[0] / all,
                100 * (double)g->top_k[1] / all);
    tn_text_put(&t, "\nagree %.2f %%, lost %lld, won %lld", 100 * (double)g->agree / all,
                (long long)g->lost, (long long)g->won);
    tn_text_put(&t, "\ndrop %.2f points, 95 %% between %.2f and %.2f", g->drop, g->low, g->high);
    tn_text_put(&t, "\ncomparisons with these rows %d", g->comparisons);
    if (!g->tells && g->rows_needed)
        tn_text_put(&t, "\nso many rows cannot tell: about %lld could", (long long)g->rows_needed);
    else if (!g->tells)
        tn_text_put(&t, "\nno number of rows can tell that nothing is lost");
    tn_text_put(&t, "\nlayers in 8 bits %d%s", g->layers, left->count ? left->text.at : "");
    const tn_status status = t.failed || left->text.failed
                                 ? tn_no_memory("quantise", t.used)
                                 : tn_model_set_fact(m, "tenon.report", t.at);
    tn_free(t.at);
    return status;
}

typedef struct search {
    tn_grids *q;
    tn_device *device;
    tn_loader *pictures, *labelled;
    const tn_gate_opts *limit;
    double *noise;
    lines left;
    int comparisons;
} search;

/* The model of the layers so far, judged. */
static tn_status judge(search *s, tn_model **out, tn_gate *gate)
{
    TN_TRY(tn_grids_apply(s->q, false, out));
    TN_TRY(tn_model_compare(gate, s->q->model, *out, s->device, s->labelled, s->limit));
    gate->comparisons = ++s->comparisons;
    gate->layers = s->q->layers;
    gate->left = s->left.count;
    return gate->passed ? report(*out, gate, &s->left) : TN_OK;
}

/* One layer after the other is left; *out is NULL if none is left over. */
static tn_status find(search *s, int64_t rows, tn_model **out, tn_gate *gate)
{
    tn_status status = judge(s, out, gate);
    if (status == TN_OK && !gate->passed && !gate->guesses)
        status = tn_grids_noise(s->q, s->device, s->pictures ? s->pictures : s->labelled, rows,
                                s->noise);
    while (status == TN_OK && !gate->passed && !gate->guesses) {
        const size_t worst = noisiest(s->q, s->noise);
        tn_model_close(*out);
        *out = NULL;
        tell_left(&s->left, s->q->g->node[worst], s->noise[worst]);
        tn_grids_leave(s->q, worst);
        gate->layers = s->q->layers;
        gate->left = s->left.count;
        if (s->q->layers == 0)
            return TN_OK;
        status = judge(s, out, gate);
    }
    if (!gate->passed) {
        tn_model_close(*out);
        *out = NULL;
    }
    return status;
}

tn_status tn_model_quantise_within(tn_model **out, tn_gate *gate, const tn_model *m,
                                   tn_device *device, tn_loader *pictures, tn_loader *labelled,
                                   const tn_quantise_opts *opts, const tn_gate_opts *limit)
{
    TN_NEED(out, "out");
    TN_NEED(gate, "gate");
    TN_NEED(m, "model");
    TN_NEED(device, "device");
    TN_NEED(labelled, "labelled");
    tn_grids q;
    tn_model *made = NULL;
    tn_gate found = {0};
    TN_TRY(begin(&q, m, device, pictures, opts));
    search s = {&q, device, pictures, labelled, limit, NULL, {{0}, 0}, 0};
    s.noise = tn_arena_alloc(&q.arena, q.g->num_nodes, sizeof *s.noise);
    const int64_t rows = rows_of(opts) < NOISE_ROWS ? rows_of(opts) : NOISE_ROWS;
    const tn_status status = s.noise ? find(&s, rows, &made, &found)
                                     : tn_no_memory("quantise", q.g->num_nodes * sizeof *s.noise);
    tn_free(s.left.text.at);
    tn_grids_destroy(&q);
    if (status != TN_OK) {
        tn_model_close(made);
        return status;
    }
    *gate = found;
    *out = made;
    return TN_OK;
}
