/*
 * gate: two models on the same labelled rows.
 *
 * Paired proportions: with b rows lost and c won of n, the difference lies by Bonett and Price 2012 within
 *     d +- 1.96 sqrt((p + q - d^2) / (n + 2)),   p = (b + 1) / (n + 2), q = (c + 1) / (n + 2), d = p - q
 * also where b and c are small. Its width goes with 1 / sqrt(n).
 */
#include <math.h>

#include <tenon/eval.h>

#include "quantise/quantise.h"

typedef struct judging {
    tn_rows rows[2];
    tn_value output[2];
    tn_eval *eval[2];
    int classes;
    int *said; /* of a batch's rows, before */
    tn_gate gate;
} judging;

static tn_status check_outputs(judging *j, const tn_model *before, const tn_model *now)
{
    const tn_model *const m[] = {before, now};
    tn_shape shape[2];
    for (int i = 0; i < 2; i++) {
        const tn_graph *g = tn_model_graph(m[i]);
        j->output[i] = g ? tn_graph_output_at(g, 0) : (tn_value){0};
        if (!j->output[i].id)
            return tn_fail(TN_ERR_ARGUMENT, "gate: a model has no net, or that no output");
        TN_TRY(tn_value_shape(g, j->output[i], &shape[i]));
    }
    if (shape[0].ndim != 2 || shape[1].ndim != 2 || shape[0].dim[1] != shape[1].dim[1])
        return tn_fail(TN_ERR_SHAPE, "gate: the outputs are %s and %s, not N x K of both",
                       tn_shape_format(&shape[0]).text, tn_shape_format(&shape[1]).text);
    j->classes = (int)shape[0].dim[1];
    return TN_OK;
}

static tn_status begin(judging *j, const tn_model *before, const tn_model *now, tn_device *device,
                       int top_k, int64_t batch)
{
    const tn_model *const m[] = {before, now};
    for (int i = 0; i < 2; i++) {
        TN_TRY(tn_rows_create(&j->rows[i], m[i], device, &j->output[i], 1, batch));
        TN_TRY(tn_eval_create(&j->eval[i], &(tn_eval_opts){.classes = j->classes, .top_k = top_k}));
    }
    j->said = tn_alloc((size_t)batch, sizeof *j->said);
    return j->said ? TN_OK : tn_no_memory("gate", (size_t)batch * sizeof *j->said);
}

static void end(judging *j)
{
    for (int i = 0; i < 2; i++) {
        tn_rows_destroy(&j->rows[i]);
        tn_eval_destroy(j->eval[i]);
    }
    tn_free(j->said);
}

static void count(judging *j, const float *x, const int32_t *labels, int64_t rows)
{
    tn_gate *g = &j->gate;
    for (int64_t n = 0; n < rows; n++) {
        const int now = tn_eval_answer(x + n * j->classes, j->classes);
        if (labels[n] < 0)
            continue;
        g->agree += now == j->said[n];
        g->lost += j->said[n] == labels[n] && now != labels[n];
        g->won += j->said[n] != labels[n] && now == labels[n];
    }
}

static tn_status judge(judging *j, const tn_batch *b, int64_t rows)
{
    const int32_t *labels = tn_rows_labels(&j->rows[0], b);
    if (!labels)
        return tn_fail(TN_ERR_ARGUMENT, "gate: the rows have no labels");
    const tn_tensor told = {TN_I32, TN_SHAPE(rows), (void *)(uintptr_t)labels};
    for (int i = 0; i < 2; i++) {
        const float *x;
        int64_t elements;
        TN_TRY(tn_rows_run(&j->rows[i], b));
        TN_TRY(tn_rows_get(&j->rows[i], j->output[i], rows, &x, &elements));
        TN_TRY(tn_eval_add(j->eval[i],
                           (tn_tensor){TN_F32, TN_SHAPE(rows, j->classes), (void *)(uintptr_t)x},
                           told));
        for (int64_t n = 0; n < rows && i == 0; n++)
            j->said[n] = tn_eval_answer(x + n * j->classes, j->classes);
        if (i == 1)
            count(j, x, labels, rows);
    }
    return TN_OK;
}

static void conclude(judging *j, double limit)
{
    tn_gate *g = &j->gate;
    for (int i = 0; i < 2; i++) {
        const tn_eval_total t = tn_eval_sum(j->eval[i]);
        g->rows = t.rows;
        g->top_1[i] = t.top_1;
        g->top_k[i] = t.top_k;
    }
    const double n = (double)g->rows, p = ((double)g->lost + 1) / (n + 2),
                 q = ((double)g->won + 1) / (n + 2), d = p - q;
    const double half = 1.96 * sqrt((p + q - d * d) / (n + 2));
    g->drop = 100 * (double)(g->lost - g->won) / n;
    g->low = 100 * (d - half);
    g->high = 100 * (d + half);
    const double chance = 1.0 / j->classes;
    g->guesses = (double)g->top_1[0] <= n * chance + 2 * sqrt(n * chance * (1 - chance));
    g->passed = g->drop <= limit && !g->guesses;
    g->comparisons = 1;
    g->tells = 100 * half <= limit || g->low > limit || g->high <= limit;
    g->rows_needed = g->tells     ? g->rows
                     : limit == 0 ? 0
                                  : (int64_t)ceil(n * pow(100 * half / limit, 2));
}

static tn_status compare(judging *j, const tn_model *before, const tn_model *now, tn_device *device,
                         tn_loader *labelled, const tn_gate_opts *o)
{
    tn_batch b;
    int64_t seen = 0;
    tn_status status = tn_loader_seek(labelled, 0, 0);
    while (status == TN_OK && (o->rows == 0 || seen < o->rows) &&
           (status = tn_loader_next(labelled, &b)) == TN_OK) {
        const int64_t rows = o->rows && b.count > o->rows - seen ? o->rows - seen : b.count;
        if (!j->said)
            status = begin(j, before, now, device, o->top_k, tn_rows_of(&b));
        if (status == TN_OK && rows > 0)
            status = judge(j, &b, rows);
        seen += rows;
    }
    if (status != TN_OK && status != TN_END)
        return status;
    if (!j->said || tn_eval_sum(j->eval[0]).rows == 0)
        return tn_fail(TN_ERR_ARGUMENT, "gate: there is no labelled row to judge by");
    return TN_OK;
}

tn_status tn_model_compare(tn_gate *out, const tn_model *before, const tn_model *now,
                           tn_device *device, tn_loader *labelled, const tn_gate_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(before, "before");
    TN_NEED(now, "now");
    TN_NEED(device, "device");
    TN_NEED(labelled, "labelled");
    tn_gate_opts o = opts ? *opts : (tn_gate_opts){0};
    TN_COMPLETE(o.max_drop, 1);
    if (!(o.max_drop >= 0) || o.rows < 0)
        return tn_fail(TN_ERR_ARGUMENT, "gate: max_drop is %g and rows %lld", o.max_drop,
                       (long long)o.rows);
    judging j = {0};
    TN_TRY(check_outputs(&j, before, now));
    const tn_status status = compare(&j, before, now, device, labelled, &o);
    if (status == TN_OK)
        conclude(&j, o.max_drop);
    end(&j);
    if (status == TN_OK)
        *out = j.gate;
    return status;
}
