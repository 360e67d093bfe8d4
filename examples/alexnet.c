/*
 * alexnet: trains AlexNet on a folder of images. --help tells how, docs/alexnet.md tells all.
 *
 * The training is here; common/session.c makes its parts from the flags.
 */
#define _POSIX_C_SOURCE 200809L /* SIGUSR1 */

#include <math.h>
#include <signal.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "common/session.h"

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    stopped = 1;
    signal(signal_number, SIG_DFL); /* a second Ctrl-C ends it at once */
}

/* ---- training --------------------------------------------------------------------------------- */

static void set_batch(session *s, const tn_batch *b)
{
    tn_must(tn_plan_set(s->plan, s->image, b->images));
    tn_must(tn_plan_set(s->plan, s->label, b->labels));
}

/* Adds what the runs since the last look found out, of `rows` images each; returns their mean loss. Only
 * this makes the program wait for the device. */
static double add_score(session *s, score *sum, int64_t rows)
{
    const tn_value value[] = {s->loss.loss, s->loss.top_1, s->loss.top_k};
    double found[3];
    int64_t runs = 0;
    for (int i = 0; i < 3; i++)
        tn_must(tn_plan_take_sum(s->plan, value[i], &found[i], &runs));
    sum->loss += found[0] * (double)rows;
    sum->top_1 += (int64_t)found[1];
    sum->top_5 += (int64_t)found[2];
    sum->images += runs * rows;
    return runs ? found[0] / (double)runs : 0;
}

/* One update of the parameters, from `accumulate` batches. */
static void train_step(session *s)
{
    const float rate = tn_rate_at(&s->rate, tn_plan_updates(s->plan));
    for (int64_t i = 0; i < s->r.accumulate; i++) {
        tn_batch batch;
        const tn_status status = feed_next(&s->train, &batch);
        tell_bad(s, &s->train);
        tn_must(status);
        set_batch(s, &batch);
        tn_must(tn_plan_run(s->plan));
        s->images += batch.count;
        s->index++;
    }
    tn_must(tn_plan_update(s->plan, rate));
}

static bool at_end(const session *s)
{
    const int64_t done = tn_plan_updates(s->plan);
    return s->stops || done == s->steps || (s->r.max_steps && done >= s->r.max_steps);
}

/* Ranks look together, when the first one wants to, and stop together, when one was told to. */
static bool agree(session *s, bool looks)
{
    unsigned char all[TN_MAX_RANKS];
    const unsigned char own = (unsigned char)(looks | (stopped != 0) << 1);
    tn_must(tn_device_gather(s->device, &own, 1, all));
    for (int i = 0; i < tn_device_ranks(s->device); i++)
        s->stops |= all[i] >> 1;
    return all[0] & 1;
}

/* Sees how it goes. */
static void look(session *s, score *sum)
{
    const double loss = add_score(s, sum, s->r.batch);
    const int64_t step = tn_plan_updates(s->plan);
    const double rate = (double)tn_rate_at(&s->rate, step - 1);
    if (!isfinite(loss))
        run_fail(
            "the loss is %g at step %lld (epoch %lld), or was before: the run cannot go on; try "
            "a lower --rate (it is %g), a longer --warmup, or --clip 1",
            loss, (long long)step, (long long)s->epoch + 1, rate);
    progress_show(&s->progress, &(progress_step){.step = step,
                                                 .epoch = s->epoch + 1,
                                                 .loss = loss,
                                                 .top_1 = (double)sum->top_1 /
                                                          (double)(sum->images + !sum->images),
                                                 .rate = rate,
                                                 .images = s->images,
                                                 .waited = s->train.waited});
}

/* To the end of the epoch, or until something stops it. */
static score train_epoch(session *s)
{
    score sum = {0};
    bool seen = true;
    while (s->index / s->r.accumulate < s->per_epoch && !at_end(s)) {
        train_step(s);
        const bool first =
            s->clock <= 0; /* look, and so wait: the clock begins when it has ended */
        seen = agree(s, first || progress_due(&s->progress, tn_plan_updates(s->plan)));
        if (seen)
            look(s, &sum);
        if (first) {
            s->clock = seconds();
            s->clock_waited = s->train.waited;
            s->clock_images = s->images;
        }
    }
    if (!seen)
        look(s, &sum);
    return sum;
}

/* All of a feed, in evaluation mode. */
static score evaluate(session *s, feed *f)
{
    score sum = {0};
    tn_batch batch;
    tn_status status;
    while ((status = feed_next(f, &batch)) == TN_OK) {
        tell_bad(s, f);
        if (batch.count < s->r.batch) /* the last one: its mean is over fewer */
            add_score(s, &sum, s->r.batch);
        set_batch(s, &batch);
        tn_must(tn_plan_evaluate(s->plan));
        if (batch.count < s->r.batch)
            add_score(s, &sum, batch.count);
    }
    tell_bad(s, f);
    if (status != TN_END)
        tn_must(status);
    add_score(s, &sum, s->r.batch);
    return sum;
}

/* ---- the run ---------------------------------------------------------------------------------- */

/* An epoch is over: on to the next one, and see what was learned. */
static void finish_epoch(session *s, const score *train)
{
    tn_batch none;
    if (s->index < s->train.batches)
        feed_seek(&s->train, s->epoch + 1, 0); /* too few are left for one more step */
    else if (feed_next(&s->train, &none) != TN_END)
        run_fail("epoch %lld has more batches than it should", (long long)s->epoch + 1);
    s->epoch++;
    s->index = 0;
    const score sum = s->validates ? evaluate(s, &s->val) : (score){0}; /* may print bad files */
    progress_clear(&s->progress);
    printf("epoch %lld/%lld:", (long long)s->epoch, (long long)s->r.epochs);
    tell_score(" train", train);
    if (s->validates) {
        const double top_1 = (double)sum.top_1 / (double)(sum.images + !sum.images);
        s->best = top_1 > s->best ? top_1 : s->best;
        tell_score("; val", &sum);
        printf(" (best %.2f %%)", 100 * s->best);
    }
    printf("\n");
    fflush(stdout);
}

static void train(session *s)
{
    session_feeds(s);
    if (s->r.resume)
        session_resume(s);
    signal(SIGINT, stop);
    signal(SIGUSR1, stop); /* which mpirun hands on, and Slurm sends before the time is up */
    progress_begin(&s->progress, s->steps, tn_plan_updates(s->plan), s->r.log_every);
    while (s->epoch < s->r.epochs && !at_end(s)) {
        const score sum = train_epoch(s);
        const double began = seconds();
        const bool whole = s->index / s->r.accumulate == s->per_epoch;
        if (whole)
            finish_epoch(s, &sum);
        if (s->r.save && (at_end(s) || s->epoch % s->r.save_every == 0))
            session_save(s);
        progress_skip(&s->progress, seconds() - began);
        s->clock += seconds() - began;
    }
    progress_clear(&s->progress);
    tell_speed(s);
    if (s->stops)
        printf("stopped at step %lld of %lld%s%s\n", (long long)tn_plan_updates(s->plan),
               (long long)s->steps, s->r.save ? "; go on with --resume " : "",
               s->r.save ? s->r.save : "");
}

/* --evaluate: a checkpoint, on the validation set. */
static void measure(session *s)
{
    session_feeds(s);
    tn_must(tn_checkpoint_load(s->plan, s->r.evaluate, TN_LOAD_PARAMS));
    const score sum = evaluate(s, &s->val);
    tell_score("evaluated:", &sum);
    printf(" of %lld images\n", (long long)sum.images);
}

int main(int argc, char **argv)
{
    session s = {0};
    recipe_parse(&s.r, argc, argv);
    session_open(&s);
    tell_start(&s);
    if (s.r.describe)
        tn_must(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, stdout));
    else if (s.r.evaluate)
        measure(&s);
    else
        train(&s);
    session_close(&s);
    return s.stops ? 130 : 0;
}
