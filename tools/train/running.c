/* Training in a run: what any program does around its loop. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../common/args.h"
#include "../common/stop.h"
#include "profile.h"
#include "session.h"

/* ---- opening and ending ----------------------------------------------------------------------- */

static tn_run *running; /* whom signals are told to */

static void told(int number)
{
    tn_run_signal(running, number);
}

/* Without a folder there is nothing that a signal could ask for but to stop. */
static void told_to_stop(int number)
{
    (void)number;
    tn_run_signal(running, SIGTERM);
}

static tn_on_divergence on_divergence(const recipe *r)
{
    return strcmp(r->on_divergence, "back") == 0   ? TN_DIVERGED_BACK
           : strcmp(r->on_divergence, "skip") == 0 ? TN_DIVERGED_SKIP
                                                   : TN_DIVERGED_STOP;
}

void session_run(session *s, tn_run_opts opts, const recipe_text *said)
{
    s->fit = network_describe_fit(&s->net);
    s->names = network_join_names(&s->net);
    s->meta[opts.num_meta++] = (tn_meta){"tenon.fit", s->fit.text};
    if (s->names)
        s->meta[opts.num_meta++] = (tn_meta){"tenon.classes", s->names};
    if (said) {
        s->said = *said;
        s->meta[opts.num_meta++] = (tn_meta){"recipe", s->said.text};
    }
    opts.meta = s->meta;
    opts.plan = s->plan;
    opts.device = s->device;
    opts.loader = s->train.loader;
    opts.val_loader = s->validates ? s->val.loader : NULL;
    opts.batches = s->train.batches;
    opts.steps = s->steps;
    opts.loss = s->net.loss.loss;
    opts.top_1 = s->net.loss.top_1;
    opts.top_k = s->net.loss.top_k;
    opts.set.epochs = s->r.epochs;
    opts.set.patience = s->r.patience;
    opts.guard.on = on_divergence(&s->r);
    opts.guard.stuck = s->r.stuck;
    opts.guard.classes = s->net.classes;
    if (tn_run_open(&s->run, &opts) != TN_OK)
        args_fail("%s", tn_error());
    running = s->run;
    if (opts.folder)
        stop_catch_run(told);
    else
        stop_catch(told_to_stop);
    s->now = tn_run_current(s->run);
    int64_t epoch, index;
    tn_run_position(s->run, &epoch, &index);
    if (index / s->r.accumulate > s->per_epoch)
        args_fail("%s: stopped at batch %lld of an epoch that has %lld now",
                  opts.file ? opts.file : opts.folder, (long long)index, (long long)opts.batches);
    session_must(s, tn_run_scores(s->run, &s->seen, NULL));
    if (!s->train.loader)
        feed_seek(&s->train, epoch, index);
}

static tn_status close_run(session *s, tn_run_end end, const char *why)
{
    tn_run *run = s->run;
    running = s->run = NULL;
    return tn_run_close(run, end, why);
}

_Noreturn void session_fail(session *s, const char *why)
{
    progress_clear(&s->progress);
    if (close_run(s, TN_RUN_FAILED, why) != TN_OK)
        args_warn("%s", tn_error());
    run_fail("%s", why);
}

void session_must(session *s, tn_status status)
{
    char why[1024];
    if (status == TN_OK)
        return;
    snprintf(why, sizeof why, "%s", tn_error());
    session_fail(s, why);
}

/* Of `steps` steps, once the first of this program have made all warm; what the devices did is told when a sum is looked at. */
static void look_at_profile(session *s, bool ends)
{
    enum { WARM = 5 };
    double sum;
    int64_t runs;
    const int64_t step = tn_plan_updates(s->plan);
    if (!s->profile.path || tn_device_rank(s->device) > 0)
        return;
    if (!s->profile.end && !ends)
        s->profile.end = step + WARM - 1 + s->profile.steps;
    if (!s->profile.taking && !ends && step == s->profile.end - s->profile.steps)
        session_must(s, tn_profile_begin(&s->profile.taking, NULL));
    if (!s->profile.taking || (!ends && step < s->profile.end))
        return;
    const int64_t steps = s->profile.steps - (s->profile.end - step);
    if (steps < 1) { /* it has ended where it was to begin, or a guard has gone back */
        tn_profile_destroy(s->profile.taking);
        s->profile.taking = NULL;
        return;
    }
    session_must(s, tn_plan_see_sum(s->plan, s->net.loss.loss, &sum, &runs));
    progress_clear(&s->progress);
    profile_finish(s->profile.taking, s->device, tn_plan_precision(s->plan), steps, s->profile.path,
                   false);
    s->profile.taking = NULL;
    s->profile.path = NULL;
}

int session_end(session *s)
{
    look_at_profile(s, true);
    if (s->profile.path && tn_device_rank(s->device) == 0)
        args_warn("--profile %s: the run ended before there was anything to take", s->profile.path);
    const bool stopped = s->now.stop;
    if (close_run(s, stopped ? TN_RUN_STOPPED : TN_RUN_DONE, NULL) != TN_OK)
        run_fail("%s", tn_error());
    return stopped ? stop_status() : 0;
}

/* ---- batches ---------------------------------------------------------------------------------- */

tn_status session_next(session *s)
{
    tn_batch batch;
    const tn_status status = feed_next(&s->train, &batch);
    tell_bad(s, &s->train);
    if (status != TN_OK)
        return status;
    session_must(s, tn_run_batch(s->run, &batch));
    session_set(s, &batch);
    s->images += batch.count;
    return TN_OK;
}

void session_step(session *s)
{
    char why[1024];
    const int64_t step = tn_plan_updates(s->plan);
    const tn_status status = tn_run_step(s->run, s->last_rate, &s->now);
    if (status == TN_ERR_DIVERGED) {
        snprintf(why, sizeof why,
                 "%s; try a lower --rate (it is %g), a longer --warmup, or --clip 1", tn_error(),
                 (double)s->last_rate);
        session_fail(s, why);
    }
    session_must(s, status);
    if (tn_plan_updates(s->plan) < step) /* a guard has gone back */
        session_must(s, tn_run_scores(s->run, &s->seen, NULL));
    look_at_profile(s, false);
}

/* Has any rank been told to stop? */
static bool is_told(session *s)
{
    unsigned char all[TN_MAX_RANKS];
    const unsigned char own = stop_asked() != 0;
    session_must(s, tn_device_gather(s->device, &own, 1, all));
    for (int i = 0; i < tn_device_ranks(s->device); i++)
        s->now.stop |= all[i] != 0;
    return s->now.stop;
}

static bool validate(session *s, feed *f, tn_run_score *val)
{
    tn_batch batch;
    tn_status status;
    classes_begin(s);
    while ((status = feed_next(f, &batch)) == TN_OK) {
        tell_bad(s, f);
        session_must(s, tn_run_validate(s->run, &batch));
        session_set(s, &batch);
        session_must(s, tn_plan_evaluate(s->plan));
        classes_count(s, &batch);
        if (is_told(s))
            return false;
    }
    tell_bad(s, f);
    if (status != TN_END)
        session_must(s, status);
    session_must(s, tn_run_scores(s->run, NULL, val));
    val->per_class = classes_right(s);
    val->classes = s->net.classes;
    return true;
}

bool session_validate(session *s, feed *f, tn_run_score *val)
{
    const bool averages = s->r.ema > 0;
    if (averages)
        session_must(s, tn_plan_use_average(s->plan, true));
    const bool whole = validate(s, f, val);
    if (averages)
        session_must(s, tn_plan_use_average(s->plan, false));
    return whole;
}

void session_evaluate(session *s)
{
    tn_run_score val;
    if (s->now.evaluate && !s->validates)
        session_must(s, tn_run_event(s->run, "warn",
                                     "{\"code\":\"evaluate\",\"text\":\"there is nothing to "
                                     "validate on\"}"));
    else if (s->now.evaluate && session_validate(s, &s->val, &val))
        session_must(s, tn_run_evaluated(s->run, &val));
    s->now.evaluate = false;
}

int64_t session_left(const session *s)
{
    int64_t index;
    tn_run_position(s->run, NULL, &index);
    return s->per_epoch - index / s->r.accumulate;
}

bool session_at_end(const session *s)
{
    return s->now.stop || tn_run_current(s->run).enough ||
           tn_run_epochs(s->run) >= s->now.set.epochs ||
           (s->r.max_steps && tn_plan_updates(s->plan) >= s->r.max_steps);
}

void session_turn(session *s)
{
    int64_t epoch, index;
    tn_batch none;
    tn_run_position(s->run, &epoch, &index);
    if (index < s->train.batches)
        feed_seek(&s->train, epoch + 1, 0); /* too few are left for one more step */
    else if (feed_next(&s->train, &none) != TN_END)
        session_fail(s, "an epoch has more batches than it should");
}

/* ---- looking ---------------------------------------------------------------------------------- */

static void check_loss(session *s, double loss)
{
    char why[256];
    if (isfinite(loss))
        return;
    snprintf(why, sizeof why,
             "the loss is %g at step %lld (epoch %lld), or was before: the run cannot go on; try a "
             "lower --rate (it is %g), a longer --warmup, or --clip 1",
             loss, (long long)tn_plan_updates(s->plan), (long long)tn_run_epochs(s->run) + 1,
             (double)s->last_rate);
    session_fail(s, why);
}

void session_look_now(session *s)
{
    tell_trouble(s);
    tn_run_score now;
    session_must(s, tn_run_scores(s->run, &now, NULL));
    const int64_t images = now.images - s->seen.images;
    const double loss = (now.loss - s->seen.loss) / (double)(images + !images);
    s->seen = now;
    if (images == 0) /* the data ended before the first step: there is nothing to see */
        return;
    check_loss(s, now.loss);
    tell_step(s, (progress_step){.step = tn_plan_updates(s->plan),
                                 .epoch = tn_run_epochs(s->run) + 1,
                                 .loss = loss,
                                 .top_1 = score_top_1(&now)});
}

/* When the first rank wants to. To look is to wait for the device, so the clock of the speed begins when the first step has
 * been looked at. */
void session_look(session *s)
{
    unsigned char all[TN_MAX_RANKS];
    const bool first = s->clock <= 0;
    const unsigned char due = first || progress_due(&s->progress, tn_plan_updates(s->plan));
    session_must(s, tn_device_gather(s->device, &due, 1, all));
    if (all[0])
        session_look_now(s);
    if (first)
        session_start_clock(s);
}
