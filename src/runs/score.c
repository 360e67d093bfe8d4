/*
 * Sums of losses and counts. The plan keeps them on its device, so that no step waits; here they are asked for when a line
 * is due, and added to what they belong to. A run's loss is a mean, so runs of another number of rows are asked for first.
 */
#include "runs/guard.h"

/* What the plan has summed up of a value; only looked at, or taken out of it. */
static tn_status look(tn_run *run, tn_value v, bool takes, double *sum, int64_t *runs)
{
    *sum = 0;
    if (!v.id)
        return TN_OK;
    return takes ? tn_plan_take_sum(run->opts.plan, v, sum, runs)
                 : tn_plan_see_sum(run->opts.plan, v, sum, runs);
}

/* Of the runs that are in no tally yet. */
static tn_status sums_of(tn_run *run, bool takes, tn_tally *out)
{
    double loss, top_1, top_k;
    int64_t runs = run->runs;
    TN_TRY(look(run, run->opts.loss, takes, &loss, &runs));
    TN_TRY(look(run, run->opts.top_1, takes, &top_1, &runs));
    TN_TRY(look(run, run->opts.top_k, takes, &top_k, &runs));
    *out = (tn_tally){.images = runs * run->rows, .top_1 = (int64_t)top_1, .top_k = (int64_t)top_k};
    tn_exact_add_product(&out->loss, loss, (double)run->rows);
    return TN_OK;
}

static void add(tn_tally *to, const tn_tally *t)
{
    for (int i = 0; i < t->loss.count; i++)
        tn_exact_add(&to->loss, t->loss.part[i]);
    to->images += t->images;
    to->top_1 += t->top_1;
    to->top_k += t->top_k;
}

/* Only at steps that are the same however the run was cut: the plan's sums are rounded, and so would be where they are cut. */
tn_status tn_run_take(tn_run *run)
{
    tn_tally found;
    if (run->counting == TN_COUNT_NOTHING)
        return TN_OK;
    TN_TRY(sums_of(run, true, &found));
    run->runs = 0;
    if (run->counting == TN_COUNT_VAL) {
        add(&run->val, &found);
        return TN_OK;
    }
    add(&run->train, &found);
    add(&run->window, &found);
    return TN_OK;
}

tn_status tn_run_drop(tn_run *run)
{
    tn_tally found;
    run->rows = run->runs = 0;
    return sums_of(run, true, &found);
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
    TN_TRY(tn_run_see(run, batch));
    TN_TRY(count(run, batch, TN_COUNT_TRAIN));
    run->epoch = batch->epoch;
    run->index = batch->index + 1;
    run->batch = *batch;
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
    tn_tally now = {0}, sum[2] = {run->train, run->val};
    if (run->counting != TN_COUNT_NOTHING)
        TN_TRY(sums_of(run, false, &now));
    add(&sum[run->counting == TN_COUNT_VAL], &now);
    if (train)
        *train = tn_run_score_of(&sum[0]);
    if (val)
        *val = tn_run_score_of(&sum[1]);
    return TN_OK;
}
