/* Opening a run, and training in it. */
#include "job.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/stop.h"

static tn_run *running; /* whom signals are told to */

static void told(int number)
{
    tn_run_signal(running, number);
}

/* ---- failing ---------------------------------------------------------------------------------- */

/* The run has failed, and says so. */
static _Noreturn void fail(job *j, const char *why)
{
    progress_clear(&j->s.progress);
    running = NULL;
    if (tn_run_close(j->run, TN_RUN_FAILED, why) != TN_OK)
        args_warn("%s", tn_error());
    run_fail("%s", why);
}

static void must(job *j, tn_status status)
{
    char why[1024];
    if (status == TN_OK)
        return;
    snprintf(why, sizeof why, "%s", tn_error());
    fail(j, why);
}

/* The data cannot be read any more: what was learned until now must not be lost with them. */
static _Noreturn void fail_saved(job *j)
{
    char why[1024], all[RUN_PATH + 1100];
    snprintf(why, sizeof why, "%s", tn_error());
    const bool saved = tn_run_save(j->run) == TN_OK;
    snprintf(all, sizeof all, "%s%s%.0lld", why, saved ? "; the run is saved at step " : "",
             saved ? (long long)tn_plan_updates(j->s.plan) : 0);
    fail(j, all);
}

/* ---- opening ---------------------------------------------------------------------------------- */

static void tell_resumed(const job *j)
{
    int64_t epoch, index;
    const int64_t done = tn_plan_updates(j->s.plan);
    tn_run_position(j->run, &epoch, &index);
    if (done == 0)
        printf("resumed  %s: from its beginning, no checkpoint is there yet\n", j->folder);
    else
        printf("resumed  %s: %lld epochs and %lld batches, %lld steps are done%s\n", j->folder,
               (long long)epoch, (long long)index, (long long)done,
               epoch >= j->now.set.epochs ? ": nothing is left to do" : "");
}

void job_open(job *j)
{
    session *s = &j->s;
    session_feeds(s);
    char *config = job_config(j);
    j->fit = network_describe_fit(&s->net);
    j->names = network_join_names(&s->net);
    j->meta[0] = (tn_meta){"tenon.fit", j->fit.text};
    j->meta[1] = (tn_meta){"tenon.classes", j->names};
    const tn_run_opts opts = {
        .folder = j->folder,
        .config = config,
        .plan = s->plan,
        .device = s->device,
        .loader = s->train.loader,
        .val_loader = s->validates ? s->val.loader : NULL,
        .batches = s->train.batches,
        .steps = s->steps,
        .loss = s->net.loss.loss,
        .top_1 = s->net.loss.top_1,
        .top_k = s->net.loss.top_k,
        .meta = j->meta,
        .num_meta = j->names ? 2 : 1,
        .set = {.epochs = s->r.epochs, .keep = (int)j->keep, .log_every = j->log_every},
        .save_epochs = j->save_every,
        .save_steps = j->save_steps,
        .resume = j->resumes,
        .lock_fd = (int)j->lock_fd};
    if (tn_run_open(&j->run, &opts) != TN_OK)
        args_fail("%s", tn_error());
    running = j->run;
    stop_catch_run(told);
    if (s->r.init && !s->from && tn_plan_updates(s->plan) == 0)
        fail(j, "what it was to begin with (--init) is not there any more");
    j->now = tn_run_current(j->run);
    tn_must(tn_run_scores(j->run, &j->seen, NULL));
    if (!s->train.loader) {
        int64_t epoch, index;
        tn_run_position(j->run, &epoch, &index);
        feed_seek(&s->train, epoch, index);
    }
    if (j->resumes)
        tell_resumed(j);
    else
        printf("run      %s\n", j->folder);
    free(config);
}

void job_close(job *j)
{
    session_close(&j->s);
    json_free(j->was);
    free(j->names);
}

/* ---- training --------------------------------------------------------------------------------- */

/* One update of the parameters, from `accumulate` batches; the status is that of the data. */
static tn_status train_step(job *j)
{
    session *s = &j->s;
    for (int64_t i = 0; i < s->r.accumulate; i++) {
        tn_batch batch;
        const tn_status status = feed_next(&s->train, &batch);
        tell_bad(s, &s->train);
        if (status != TN_OK)
            return status;
        must(j, tn_run_batch(j->run, &batch));
        session_set(s, &batch);
        must(j, tn_plan_run(s->plan));
        s->images += batch.count;
    }
    const float rate =
        (float)((double)tn_rate_at(&s->rate, tn_plan_updates(s->plan)) * j->now.set.rate_scale);
    must(j, tn_plan_update(s->plan, rate));
    must(j, tn_run_step(j->run, rate, &j->now));
    s->last_rate = rate;
    return TN_OK;
}

/* Updates that this epoch has room for yet. */
static int64_t left(const job *j)
{
    int64_t index;
    tn_run_position(j->run, NULL, &index);
    return j->s.per_epoch - index / j->s.r.accumulate;
}

static bool at_end(const job *j)
{
    const session *s = &j->s;
    return j->now.stop || tn_run_epochs(j->run) >= j->now.set.epochs ||
           (s->r.max_steps && tn_plan_updates(s->plan) >= s->r.max_steps);
}

/* Sees how it goes. */
static void look(job *j)
{
    session *s = &j->s;
    tn_run_score now;
    must(j, tn_run_scores(j->run, &now, NULL));
    const int64_t images = now.images - j->seen.images;
    const double loss = (now.loss - j->seen.loss) / (double)(images + !images);
    j->seen = now;
    if (images == 0)
        return;
    if (!isfinite(now.loss)) {
        char why[256];
        snprintf(why, sizeof why,
                 "the loss is %g at step %lld (epoch %lld), or was before: the run cannot go on; "
                 "try a lower --rate (it is %g), a longer --warmup, or --clip 1",
                 now.loss, (long long)tn_plan_updates(s->plan),
                 (long long)tn_run_epochs(j->run) + 1, (double)s->last_rate);
        fail(j, why);
    }
    tell_step(s, (progress_step){.step = tn_plan_updates(s->plan),
                                 .epoch = tn_run_epochs(j->run) + 1,
                                 .loss = loss,
                                 .top_1 = (double)now.top_1 / (double)now.images});
}

/* All of the validation set, in evaluation mode. False: the run is to stop, and has not seen all of it. */
static bool validate(job *j)
{
    session *s = &j->s;
    tn_batch batch;
    tn_status status;
    classes_begin(s);
    while ((status = feed_next(&s->val, &batch)) == TN_OK) {
        tell_bad(s, &s->val);
        must(j, tn_run_validate(j->run, &batch));
        session_set(s, &batch);
        must(j, tn_plan_evaluate(s->plan));
        classes_count(s, &batch);
        session_agree(s, false);
        if (s->stops)
            return false;
    }
    tell_bad(s, &s->val);
    if (status != TN_END)
        fail_saved(j);
    return true;
}

/* What was validated, with what the run does not count itself. */
static tn_run_score validated(job *j)
{
    session *s = &j->s;
    tn_run_score val;
    must(j, tn_run_scores(j->run, NULL, &val));
    val.per_class = classes_right(s);
    val.classes = s->net.classes;
    return val;
}

static void tell_evaluated(job *j)
{
    const tn_run_score val = validated(j);
    must(j, tn_run_evaluated(j->run, &val));
}

/* To the end of the epoch, or until something stops it; the status is that of the data. */
static tn_status train_epoch(job *j)
{
    session *s = &j->s;
    tn_status status = TN_OK;
    bool seen = true;
    while (status == TN_OK && left(j) > 0 && !at_end(j)) {
        const bool first =
            s->clock <= 0; /* look, and so wait: the clock begins when it has ended */
        status = train_step(j);
        if (status != TN_OK)
            break;
        seen = session_agree(s, first || progress_due(&s->progress, tn_plan_updates(s->plan)));
        if (seen)
            look(j);
        if (first)
            session_start_clock(s);
        if (j->now.evaluate && s->validates && validate(j))
            tell_evaluated(j);
    }
    if (!seen || status != TN_OK)
        look(j);
    return status;
}

/* An epoch is over: on to the next one, and see what was learned. */
static void finish_epoch(job *j)
{
    session *s = &j->s;
    int64_t epoch, index;
    tn_batch none;
    tn_run_position(j->run, &epoch, &index);
    if (index < s->train.batches)
        feed_seek(&s->train, epoch + 1, 0); /* too few are left for one more step */
    else if (feed_next(&s->train, &none) != TN_END)
        fail(j, "an epoch has more batches than it should");
    if (s->validates && !validate(j)) {
        j->now.stop = true;
        return;
    }
    tn_run_score train, val = {0};
    must(j, tn_run_scores(j->run, &train, NULL));
    if (s->validates)
        val = validated(j);
    must(j, tn_run_epoch(j->run, NULL, s->validates ? &val : NULL));
    const tn_run_best best = tn_run_best_so_far(j->run);
    progress_clear(&s->progress);
    tell_epoch(s, &(epoch_told){.epoch = epoch + 1,
                                .epochs = j->now.set.epochs,
                                .train = train,
                                .val = s->validates ? &val : NULL,
                                .best = best.value,
                                .best_epoch = best.epoch});
    j->seen = (tn_run_score){0};
}

static void tell_end(const job *j)
{
    const tn_run_best best = tn_run_best_so_far(j->run);
    if (best.epoch)
        printf("the best, of epoch %lld, is in %s/checkpoints/best.safetensors\n",
               (long long)best.epoch, j->folder);
    if (j->now.stop)
        printf("stopped at step %lld of %lld; go on with --resume %s\n",
               (long long)tn_plan_updates(j->s.plan), (long long)j->s.steps, j->folder);
}

int job_train(job *j)
{
    session *s = &j->s;
    progress_begin(&s->progress, s->steps, tn_plan_updates(s->plan), j->log_every);
    while (!at_end(j)) {
        const tn_status status = train_epoch(j);
        progress_clear(&s->progress);
        if (status != TN_OK)
            fail_saved(j);
        const double began = seconds();
        if (left(j) == 0 && !j->now.stop)
            finish_epoch(j);
        session_skip_clock(s, seconds() - began);
    }
    progress_clear(&s->progress);
    tell_speed(s);
    tell_end(j);
    fflush(stdout);
    const bool stopped = j->now.stop;
    running = NULL;
    if (tn_run_close(j->run, stopped ? TN_RUN_STOPPED : TN_RUN_DONE, NULL) != TN_OK)
        run_fail("%s", tn_error());
    return stopped ? stop_status() : 0;
}
