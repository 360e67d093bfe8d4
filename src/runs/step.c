/*
 * Between two updates. In this order, so that what stands before a checkpoint is in it: orders, the line of the log, the
 * checkpoint.
 */
#include <string.h>

#include "base/thread.h"
#include "runs/checkpoints.h"
#include "runs/guard.h"

/* Signals and orders, which all ranks obey alike. */
static tn_status obey(tn_run *run, bool *stop, bool *save)
{
    bool ordered = run->writes && tn_run_ordered(run);
    TN_TRY(tn_run_any(run, stop, save, &ordered));
    run->now.evaluate = false;
    return ordered ? tn_run_control(run, stop, save) : TN_OK;
}

static bool line_due(const tn_run *run)
{
    return run->opts.folder && (run->step == 1 || run->step % run->now.set.log_every == 0);
}

/* A checkpoint at the end of an epoch waits for tn_run_epoch(), so that there are never two of a step, one without what
 * the epoch has taught. */
static bool save_due(const tn_run *run, bool asked)
{
    const int64_t every = run->opts.save_steps;
    const bool due = asked || run->save_failed || (every > 0 && run->step % every == 0);
    return due && !(run->batches && run->index >= run->batches);
}

tn_status tn_run_step(tn_run *run, float rate, tn_run_orders *out)
{
    TN_NEED(run, "run");
    TN_NEED(out, "out");
    bool stop = false, save = false, back;
    run->step = tn_plan_updates(run->opts.plan);
    run->unsaved = true;
    if (strcmp(run->state, "starting") == 0) {
        run->state = "running";
        tn_run_tell_state(run, true);
    }
    TN_TRY(tn_run_guard_look(run, &back));
    tn_run_see_no_more(run);
    if (back) { /* what is asked for is asked for again after the next step */
        *out = tn_run_orders_of(run);
        return TN_OK;
    }
    TN_TRY(obey(run, &stop, &save));
    tn_run_tell_bad(run);
    if (line_due(run)) {
        TN_TRY(tn_run_take(run));
        tn_run_tell_step(run, rate);
    }
    run->now.stop = stop;
    if (stop) {
        run->state = "stopping";
        tn_run_tell_state(run, true);
        TN_TRY(tn_run_checkpoint(run, true));
    } else if (save_due(run, save)) {
        TN_TRY(tn_run_checkpoint(run, false));
    }
    tn_run_tell_state(run, false);
    *out = tn_run_orders_of(run);
    return TN_OK;
}

/* ---- epochs ----------------------------------------------------------------------------------- */

/* Of a validation: the higher top-1, or the lower loss where nothing counts that. What is no number is not better. */
static bool is_better(const tn_run *run, const tn_run_score *val, double *value)
{
    if (!val || val->images == 0)
        return false;
    const bool counts = run->opts.top_1.id != 0;
    *value = (counts ? (double)val->top_1 : val->loss) / (double)val->images;
    if (run->best.epoch == 0)
        return *value == *value;
    return counts ? *value > run->best.value : *value < run->best.value;
}

static bool epoch_saves(const tn_run *run)
{
    const int64_t every = run->opts.save_epochs;
    return run->save_failed || (every > 0 && run->epoch % every == 0);
}

tn_status tn_run_epoch(tn_run *run, const tn_run_score *train, const tn_run_score *val)
{
    TN_NEED(run, "run");
    TN_TRY(tn_run_take(run));
    const tn_run_score own_train = tn_run_score_of(&run->train),
                       own_val = tn_run_score_of(&run->val);
    train = train ? train : &own_train;
    val = val ? val : own_val.images ? &own_val : NULL;
    run->step = tn_plan_updates(run->opts.plan);
    run->epoch++;
    run->index = 0;
    double value;
    const bool better = is_better(run, val, &value);
    if (better)
        run->best = (tn_run_best){value, run->epoch, run->step};
    tn_run_tell_bad(run);
    tn_run_tell_epoch(run, train, val, better);
    run->train = (tn_tally){0};
    run->val = (tn_tally){0};
    run->counting = TN_COUNT_NOTHING;
    run->unsaved = true;
    TN_TRY(tn_run_tell_digest(run));
    if (better || epoch_saves(run))
        TN_TRY(tn_run_checkpoint(run, false));
    tn_run_tell_state(run, true);
    run->epoch_began = tn_now();
    return TN_OK;
}

tn_status tn_run_evaluated(tn_run *run, const tn_run_score *val)
{
    TN_NEED(run, "run");
    TN_TRY(tn_run_take(run));
    const tn_run_score own = tn_run_score_of(&run->val);
    tn_run_tell_bad(run);
    tn_run_tell_evaluated(run, val ? val : &own);
    run->val = (tn_tally){0};
    return TN_OK;
}
