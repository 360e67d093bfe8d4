/* Opening a run in a folder, and training in it. */
#define _POSIX_C_SOURCE 200809L /* access */

#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"

/* ---- opening ---------------------------------------------------------------------------------- */

/* Another number of devices or threads shares out sums otherwise. */
static void tell_device(const job *j)
{
    const char *before = json_string(json_member(j->was, "device")),
               *now = tn_device_name(j->s.device);
    if (before && strcmp(before, now) != 0)
        printf("note: the run was on %s, and is on %s now: sums may round otherwise from here on\n",
               before, now);
}

/* With --init, by what job_open() saves. */
static bool has_begun(const job *j)
{
    char first[RUN_PATH + 48];
    snprintf(first, sizeof first, "%s/checkpoints/step-00000000.safetensors", j->folder);
    return tn_plan_updates(j->s.plan) > 0 || access(first, F_OK) == 0;
}

void job_open(job *j)
{
    session *s = &j->s;
    session_feeds(s);
    char *config = job_config(j);
    session_run(s,
                (tn_run_opts){.folder = j->folder,
                              .config = config,
                              .set = {.keep = (int)j->keep, .log_every = j->log_every},
                              .save_epochs = j->save_every,
                              .save_steps = j->save_steps,
                              .resume = j->resumes,
                              .lock_fd = (int)j->lock_fd},
                NULL);
    free(config);
    if (s->r.init && !s->from && !has_begun(j))
        session_fail(s, "what it was to begin with (--init) is not there any more");
    if (s->r.init && !j->resumes) /* which may be another run's best, and soon another */
        session_must(s, tn_run_save(s->run));
    if (j->resumes)
        tell_resumed(s, j->folder);
    else
        printf("run      %s\n", j->folder);
    tell_device(j);
}

void job_close(job *j)
{
    session_close(&j->s);
    tn_queue_leave(j->place);
    json_free(j->was);
}

/* ---- training --------------------------------------------------------------------------------- */

/* The data cannot be read any more: what was learned until now must not be lost with them. */
static _Noreturn void fail_saved(session *s)
{
    char why[1024], saved[1100];
    snprintf(why, sizeof why, "%s", tn_error());
    snprintf(saved, sizeof saved, "%s; the run is saved at step %lld", why,
             (long long)tn_plan_updates(s->plan));
    session_fail(s, tn_run_save(s->run) == TN_OK ? saved : why);
}

/* One update of the parameters, from `accumulate` batches; the status is that of the data. */
static tn_status train_step(session *s)
{
    for (int64_t i = 0; i < s->r.accumulate; i++) {
        const tn_status status = session_next(s);
        if (status != TN_OK)
            return status;
        session_must(s, tn_plan_run(s->plan));
    }
    s->last_rate =
        (float)((double)tn_rate_at(&s->rate, s->r.first_step + tn_plan_updates(s->plan)) *
                s->now.set.rate_scale);
    session_must(s, tn_plan_update(s->plan, s->last_rate));
    session_step(s);
    return TN_OK;
}

/* To the end of the epoch, or until something stops it; the status is that of the data. */
static tn_status train_epoch(session *s)
{
    while (session_left(s) > 0 && !session_at_end(s)) {
        const tn_status status = train_step(s);
        if (status != TN_OK)
            return status;
        session_look(s);
        session_evaluate(s);
    }
    return TN_OK;
}

/* An epoch is over: on to the next one, and see what was learned. Where it is told to stop while it validates, the epoch
 * ends when the run goes on. */
static void finish_epoch(session *s)
{
    tn_run_score train, val;
    session_turn(s);
    if (s->validates && !session_validate(s, &s->val, &val))
        return;
    session_must(s, tn_run_scores(s->run, &train, NULL));
    session_must(s, tn_run_epoch(s->run, NULL, s->validates ? &val : NULL));
    tell_epoch(s, &(epoch_told){.epoch = tn_run_epochs(s->run),
                                .epochs = s->now.set.epochs,
                                .train = train,
                                .val = s->validates ? &val : NULL,
                                .best = tn_run_best_so_far(s->run)});
    s->seen = (tn_run_score){0};
}

/* So many steps may end in the middle of an epoch, which is over then. */
static bool is_last(const session *s)
{
    return s->r.steps && tn_plan_updates(s->plan) >= s->r.steps - s->r.first_step;
}

static void tell_end(const job *j)
{
    const session *s = &j->s;
    const tn_run_best best = tn_run_best_so_far(s->run);
    if (best.epoch)
        printf("the best, of epoch %lld, is in %s/checkpoints/best.safetensors\n",
               (long long)best.epoch, j->folder);
    if (tn_run_current(s->run).enough)
        printf("no epoch was better for %lld: done at step %lld of %lld\n",
               (long long)s->now.set.patience, (long long)tn_plan_updates(s->plan),
               (long long)s->steps);
    if (s->now.stop)
        printf("stopped at step %lld of %lld; go on with --resume %s\n",
               (long long)tn_plan_updates(s->plan), (long long)s->steps, j->folder);
}

int job_train(job *j)
{
    session *s = &j->s;
    progress_begin(&s->progress, s->steps, tn_plan_updates(s->plan), j->log_every);
    session_evaluate(s);
    while (!session_at_end(s)) {
        const tn_status status = train_epoch(s);
        session_look_now(s);
        progress_clear(&s->progress);
        if (status != TN_OK)
            fail_saved(s);
        const double began = seconds();
        if ((session_left(s) == 0 || is_last(s)) && !s->now.stop)
            finish_epoch(s);
        session_skip_clock(s, seconds() - began);
    }
    tell_speed(s);
    tell_end(j);
    fflush(stdout);
    return session_end(s);
}
