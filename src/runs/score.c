/*
 * Sums of losses and counts. The plan keeps them on its device, so that no step waits; here they are asked for when a line
 * is due, and added to what they belong to. A run's loss is a mean, so runs of another number of rows are asked for first.
 */
#include "runs/runs.h"

static tn_status take(tn_run *run, tn_value v, double *sum, int64_t *runs)
{
    *sum = 0;
    return v.id ? tn_plan_take_sum(run->opts.plan, v, sum, runs) : TN_OK;
}

static void add(tn_tally *t, double loss, int64_t runs, int64_t rows, double top_1, double top_k)
{
    tn_exact_add_product(&t->loss, loss, (double)rows);
    t->images += runs * rows;
    t->top_1 += (int64_t)top_1;
    t->top_k += (int64_t)top_k;
}

tn_status tn_run_take(tn_run *run)
{
    double loss, top_1, top_k;
    int64_t runs = run->runs;
    if (run->counting == TN_COUNT_NOTHING)
        return TN_OK;
    TN_TRY(take(run, run->opts.loss, &loss, &runs));
    TN_TRY(take(run, run->opts.top_1, &top_1, &runs));
    TN_TRY(take(run, run->opts.top_k, &top_k, &runs));
    run->runs = 0;
    if (run->counting == TN_COUNT_VAL) {
        add(&run->val, loss, runs, run->rows, top_1, top_k);
        return TN_OK;
    }
    add(&run->train, loss, runs, run->rows, top_1, top_k);
    add(&run->window, loss, runs, run->rows, top_1, top_k);
    return TN_OK;
}

static tn_status count(tn_run *run, const tn_batch *batch, tn_run_counting what)
{
    if (batch->count != run->rows || run->counting != what)
        TN_TRY(tn_run_take(run));
    run->counting = what;
    run->rows = batch->count;
    run->runs++;
    return TN_OK;
}

tn_status tn_run_batch(tn_run *run, const tn_batch *batch)
{
    TN_NEED(run, "run");
    TN_NEED(batch, "batch");
    TN_TRY(count(run, batch, TN_COUNT_TRAIN));
    run->epoch = batch->epoch;
    run->index = batch->index + 1;
    run->images += batch->count;
    return TN_OK;
}

tn_status tn_run_validate(tn_run *run, const tn_batch *batch)
{
    TN_NEED(run, "run");
    TN_NEED(batch, "batch");
    return count(run, batch, TN_COUNT_VAL);
}

tn_run_score tn_run_score_of(const tn_tally *t)
{
    return (tn_run_score){.loss = tn_exact_value(&t->loss),
                          .images = t->images,
                          .top_1 = t->top_1,
                          .top_5 = t->top_k};
}

tn_status tn_run_scores(tn_run *run, tn_run_score *train, tn_run_score *val)
{
    TN_NEED(run, "run");
    TN_TRY(tn_run_take(run));
    if (train)
        *train = tn_run_score_of(&run->train);
    if (val)
        *val = tn_run_score_of(&run->val);
    return TN_OK;
}
