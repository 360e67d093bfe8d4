/*
 * run: runs, updates, and both step by step. Nothing here allocates.
 */
#include "run/run.h"

#include "base/thread.h"

/* What the loss's gradient begins with. */
static tn_status weigh(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    const float before = p->run.loss_weight;
    p->run.loss_weight = p->opts.accumulate > 1 ? (float)p->full : 1;
    if (b->control_bytes > 0 || p->run.loss_weight == before)
        return TN_OK;
    return b->upload(p->device->impl, p->run.loss_start, &p->run.loss_weight, sizeof before);
}

static tn_status halve(tn_plan *p)
{
    enum { HALF_BYTES = 2 };
    for (int i = 0; i < p->num_stretches; i++) {
        const tn_stretch *s = &p->stretch[i];
        TN_TRY(tn_plan_backend(p)->halve(p->device->impl, p->run.precision,
                                         (char *)p->half + s->begin * HALF_BYTES, s->w,
                                         s->end - s->begin));
    }
    return TN_OK;
}

/* Of plans that have weights in common those of one device train. */
static tn_status begin_training(tn_plan *p)
{
    if (!p->store || p->trains)
        return TN_OK;
    TN_TRY(tn_store_train(p->store));
    p->trains = true;
    return TN_OK;
}

tn_status tn_plan_begin(tn_plan *p, bool training)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(tn_plan_settle(p));
    TN_TRY(tn_plan_trace_ready(p));
    TN_TRY(tn_plan_spread(p, training));
    p->run.training = training;
    p->run.more = p->opts.accumulate > 1 && p->runs_since_update > 0;
    if (training) {
        TN_TRY(begin_training(p));
        TN_TRY(weigh(p));
        TN_TRY(tn_plan_keep_for_guard(p));
    }
    if (p->store && p->seen != p->store->changes) {
        p->weights_changed = true;
        p->seen = p->store->changes;
    }
    if (p->half && p->weights_changed)
        TN_TRY(halve(p));
    p->begun = true;
    if (b->begin_run)
        TN_TRY(b->begin_run(p->device->impl, &p->run));
    if (p->weights_changed)
        TN_TRY(tn_plan_arrange(p));
    p->weights_changed = false;
    return TN_OK;
}

/* May a run wait for its update, to be replayed in one? Another plan with the same weights might come between, between those of replicas sums are taken, and what functions of
 * the program have to say is said by the call that it is about. */
static bool may_wait(const tn_plan *p)
{
    return p->optim_kernel && !p->store && p->opts.accumulate == 1 && p->share.ranks == 0 &&
           !p->on_host && p->recording[TN_RECORD_STEP].warm;
}

/* A run in training mode. */
static void done(tn_plan *p)
{
    tn_plan_note_changes(p, false);
    p->run.step++;
    p->runs_since_update++;
    p->summed_weight += (double)p->run.loss_weight;
}

tn_status tn_single_run(tn_plan *p)
{
    TN_TRY(tn_plan_check_run(p));
    TN_TRY(tn_plan_check_inputs(p));
    TN_TRY(tn_plan_carefully(p, tn_plan_is_new(p, TN_RECORD_RUN)));
    TN_TRY(tn_plan_begin(p, true));
    if (may_wait(p))
        p->pending = true;
    else
        TN_TRY(tn_plan_do(p, TN_RECORD_RUN, NULL));
    TN_TRY(tn_plan_reduce(p));
    done(p);
    return TN_OK;
}

tn_status tn_single_evaluate(tn_plan *p)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_check_inputs(p));
    TN_TRY(tn_plan_carefully(p, tn_plan_is_new(p, TN_RECORD_EVALUATE)));
    TN_TRY(tn_plan_begin(p, false));
    return tn_plan_do(p, TN_RECORD_EVALUATE, NULL);
}

tn_status tn_single_update(tn_plan *p, float rate)
{
    TN_TRY(tn_plan_check_update(p, rate));
    TN_TRY(tn_plan_carefully(p, tn_plan_is_new(p, TN_RECORD_UPDATE)));
    TN_TRY(tn_plan_spread(p, true));
    const double weight = p->opts.accumulate > 1 && p->summed_weight > 0 ? p->summed_weight : 1;
    tn_optim_call c = {
        .device = p->device->impl,
        .run = &p->run,
        .optim = &p->opts.optim,
        .kernel = p->optim_kernel,
        .step = p->updates + 1 - p->skipped,
        .rate = rate,
        .scale = (float)(1 / (weight * (p->share.ranks ? p->share.ranks : 1))),
        .clip_norm = p->opts.clip_norm,
        .guard = p->opts.guard,
        .ema = p->opts.ema,
        .ema_warmup = p->opts.ema_warmup,
        .w = tn_plan_weight(p, 0),
        .half = p->half,
        .g = p->opts.accumulate > 1 ? p->gradient_sum : p->gradients,
        .count = p->trained_count,
        .range = p->range,
        .num_ranges = p->num_ranges,
    };
    for (int i = 0; i < p->num_slots; i++)
        c.slot[i] = p->slot[i];
    if (tn_plan_backend(p)->begin_update)
        TN_TRY(tn_plan_backend(p)->begin_update(&c));
    if (p->pending) {
        p->pending = false;
        TN_TRY(tn_plan_do(p, TN_RECORD_STEP, &c));
    } else if (p->share.ranks > 0) {
        TN_TRY(tn_plan_do(p, TN_RECORD_UPDATE, &c));
    } else {
        TN_TRY(tn_plan_update_body(p, &c));
        p->recording[TN_RECORD_STEP].warm = tn_plan_backend(p)->capture_begin != NULL;
    }
    tn_plan_note_changes(p, true);
    p->gradient_norm = c.norm;
    p->updates++;
    p->skipped += c.left_out;
    p->runs_since_update = 0;
    p->summed_weight = 0;
    return TN_OK;
}

/* ---- step by step --------------------------------------------------------------------------- */

/* Until it is done, in seconds since `start`. */
static tn_status lap(tn_plan *p, double start, double *seconds)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(b->wait ? b->wait(p->device->impl) : TN_OK);
    TN_TRY(tn_plan_found(p));
    *seconds = tn_now() - start;
    return TN_OK;
}

tn_status tn_single_profile(tn_plan *p, float rate, double *seconds)
{
    const bool training = p->opts.loss.id != 0;
    int bucket = 0;
    double start;
    TN_TRY(tn_plan_check_profile(p, rate));
    TN_TRY(tn_plan_check_inputs(p));
    TN_TRY(tn_plan_carefully(p, true));
    TN_TRY(tn_plan_begin(p, training));
    TN_TRY(lap(p, 0, &start));
    for (size_t i = 0; i < p->num_steps; i++) {
        start = tn_now();
        TN_TRY(tn_plan_run_next(p, i, &bucket));
        TN_TRY(lap(p, start, &seconds[i]));
    }
    start = tn_now();
    if (training) {
        TN_TRY(tn_plan_reduce(p));
        done(p);
    }
    if (!p->optim_kernel)
        return TN_OK;
    TN_TRY(tn_single_update(p, rate));
    return lap(p, start, &seconds[p->num_steps]);
}
