/*
 * alexnet: trains AlexNet on a folder of images. --help tells how, docs/alexnet.md tells all.
 *
 * The training is here; tools/train/session.c makes its parts from the flags.
 */
#include <math.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "../tools/common/stop.h"
#include "../tools/train/session.h"

/* ---- the command line ------------------------------------------------------------------------- */

static const char about[] =
    "Trains AlexNet on a folder of images, validates after each epoch, and saves what it "
    "learned.\n\n"
    "DIR has one subfolder a class, or is a text file with a line \"path label\" an image, or was\n"
    "written by tenon data pack. If DIR has the subfolders train and val, those are taken.";

static const char more[] =
    "Steps are updates of the parameters; an epoch has images / (batch * accumulate) of them.\n"
    "Rates: constant; step (times gamma every period), multistep (times gamma at rate-at), exp\n"
    "(gamma ^ step), inv ((1 + gamma * step) ^ -power), poly ((1 - step / steps) ^ power), "
    "sigmoid\n"
    "(falls at period, with gamma), cosine. Formulas: <tenon/optim.h>.\n\n"
    "Ctrl-C, kill and SIGUSR1 end the run after the step at hand and save it; --resume goes on "
    "bit\n"
    "for bit. The epoch that validates best is kept beside FILE: x.best.safetensors.\n\n"
    "Exit status: 0; 1: the run failed, or its last save; 2: flags or folders that cannot be;\n"
    "128 + signal: stopped.\n\n"
    "Examples:\n"
    "  alexnet photos --split 10 --epochs 40 --save photos.safetensors\n"
    "  alexnet photos --split 10 --epochs 40 --save photos.safetensors --resume "
    "photos.safetensors\n"
    "  alexnet photos/val --evaluate photos.safetensors\n"
    "  alexnet imagenet --net caffe --batch 256 --epochs 90 --rate-policy step --rate-period 20\n"
    "  alexnet --synthetic --batch 32";

static struct {
    const char *save, *resume, *evaluate;
    int64_t save_every, log_every;
    bool describe, params;
} o = {.save_every = 1, .log_every = 20};

static const arg options[] = {
    {ARG_HEADING, .help = "Files and reports"},
    {ARG_TEXT, "save", "FILE", "write a checkpoint (safetensors) there", &o.save, 0, 0},
    {ARG_FLAG, "weights-only", NULL, "what is saved can be used, but not resumed: it is smaller",
     &o.params, 0, 0},
    {ARG_INT, "save-every", "EPOCHS", "how often", &o.save_every, 1, 1e9},
    {ARG_TEXT, "resume", "FILE", "go on from a checkpoint, with the same flags", &o.resume, 0, 0},
    {ARG_TEXT, "evaluate", "FILE", "only measure this checkpoint on DIR (its val, if it has one)",
     &o.evaluate, 0, 0},
    {ARG_INT, "log-every", "STEPS", "between two lines, where there is no terminal", &o.log_every,
     1, 1e9},
    {ARG_FLAG, "describe", NULL, "only print the plan: steps, kernels, memory", &o.describe, 0, 0},
};

static void parse(session *s, int argc, char **argv)
{
    const recipe_program p = {.usage = "alexnet [options] DIR",
                              .about = about,
                              .more = more,
                              .own = options,
                              .num_own = sizeof options / sizeof options[0],
                              .what =
                                  "trains AlexNet, or any network that tells classes of pictures"};
    recipe *r = &s->r;
    recipe_parse(r, argc, argv, &p);
    if (o.evaluate && (o.resume || r->synthetic || r->overfit || o.describe))
        args_fail(
            "--evaluate only measures: it goes with none of --resume, --synthetic, --overfit, "
            "--describe");
    if (r->init && (o.resume || o.evaluate))
        args_fail("--init is where a run begins: it goes with neither --resume nor --evaluate");
    if (o.params && !o.save)
        args_fail("--weights-only is about --save, which is not given");
    recipe_check(r, p.usage);
    s->resume = o.resume;
    s->evaluate = o.evaluate;
    s->dry = o.describe;
    s->save.path = o.save;
    s->save.params = o.params;
    s->save.every = o.save_every;
}

/* ---- training --------------------------------------------------------------------------------- */

/* Adds what the runs since the last look found out. Only this makes the program wait for the device. */
static void add_score(session *s, tn_run_score *sum)
{
    const tn_value value[] = {s->net.loss.loss, s->net.loss.top_1, s->net.loss.top_k};
    double found[3];
    int64_t runs = 0;
    for (int i = 0; i < 3; i++)
        tn_must(tn_plan_take_sum(s->plan, value[i], &found[i], &runs));
    sum->loss += found[0] * (double)s->rows;
    sum->top_1 += (int64_t)found[1];
    sum->top_5 += (int64_t)found[2];
    sum->images += runs * s->rows;
}

/* For the next run. A loss is the mean over the rows that hold an image, so runs of another number of them are added
 * before: that is seldom. */
static void set_batch(session *s, tn_run_score *sum, const tn_batch *b)
{
    if (b->count != s->rows)
        add_score(s, sum);
    s->rows = b->count;
    session_set(s, b);
}

/* One update of the parameters, from `accumulate` batches; the status is that of the data. */
static tn_status train_step(session *s)
{
    s->last_rate = tn_rate_at(&s->rate, tn_plan_updates(s->plan));
    for (int64_t i = 0; i < s->r.accumulate; i++) {
        tn_batch batch;
        const tn_status status = feed_next(&s->train, &batch);
        tell_bad(s, &s->train);
        if (status != TN_OK)
            return status;
        set_batch(s, &s->sum, &batch);
        tn_must(tn_plan_run(s->plan));
        s->images += batch.count;
        s->index++;
    }
    tn_must(tn_plan_update(s->plan, s->last_rate));
    return TN_OK;
}

static bool at_end(const session *s)
{
    const int64_t done = tn_plan_updates(s->plan);
    return s->stops || done == s->steps || (s->r.max_steps && done >= s->r.max_steps);
}

/* Sees how it goes. */
static void look(session *s)
{
    const tn_run_score before = s->sum;
    add_score(s, &s->sum);
    const int64_t images = s->sum.images - before.images;
    const double loss = (s->sum.loss - before.loss) / (double)(images + !images);
    const int64_t step = tn_plan_updates(s->plan);
    if (step == 0)
        return; /* the data ended before the first: there is nothing to see */
    if (!isfinite(s->sum.loss))
        run_fail(
            "the loss is %g at step %lld (epoch %lld), or was before: the run cannot go on; try "
            "a lower --rate (it is %g), a longer --warmup, or --clip 1",
            s->sum.loss, (long long)step, (long long)s->epoch + 1, (double)s->last_rate);
    tell_step(
        s, (progress_step){
               .step = step, .epoch = s->epoch + 1, .loss = loss, .top_1 = score_top_1(&s->sum)});
}

/* To the end of the epoch, or until something stops it; the status is that of the data. */
static tn_status train_epoch(session *s)
{
    bool seen = true;
    tn_status status = TN_OK;
    while (s->index / s->r.accumulate < s->per_epoch && !at_end(s)) {
        status = train_step(s);
        if (status != TN_OK)
            break;
        const bool first =
            s->clock <= 0; /* look, and so wait: the clock begins when it has ended */
        seen = session_agree(s, first || progress_due(&s->progress, tn_plan_updates(s->plan)));
        if (seen)
            look(s);
        if (first)
            session_start_clock(s);
    }
    if (!seen || status != TN_OK)
        look(s);
    return status;
}

/* All of a feed, in evaluation mode; the rest is left out once the run is to stop. */
static tn_run_score evaluate(session *s, feed *f)
{
    tn_run_score sum = {0};
    tn_batch batch;
    tn_status status = TN_OK;
    while (!s->stops && (status = feed_next(f, &batch)) == TN_OK) {
        tell_bad(s, f);
        set_batch(s, &sum, &batch);
        tn_must(tn_plan_evaluate(s->plan));
        session_agree(s, false);
    }
    tell_bad(s, f);
    if (status != TN_END)
        tn_must(status);
    add_score(s, &sum);
    return sum;
}

/* ---- the run ---------------------------------------------------------------------------------- */

/* An epoch is over: on to the next one, and see what was learned. */
static void finish_epoch(session *s)
{
    tn_batch none;
    if (s->index < s->train.batches)
        feed_seek(&s->train, s->epoch + 1, 0); /* too few are left for one more step */
    else if (feed_next(&s->train, &none) != TN_END)
        run_fail("epoch %lld has more batches than it should", (long long)s->epoch + 1);
    s->epoch++;
    s->index = 0;
    const tn_run_score val =
        s->validates ? evaluate(s, &s->val) : (tn_run_score){0}; /* may print bad files */
    if (!s->stops && val.images > 0 && score_top_1(&val) > s->best) {
        s->best = score_top_1(&val);
        s->best_epoch = s->epoch;
    }
    tell_epoch(s, &(epoch_told){.epoch = s->epoch,
                                .epochs = s->r.epochs,
                                .train = s->sum,
                                .val = s->validates ? &val : NULL,
                                .cut_short = s->validates && s->stops,
                                .best = s->best,
                                .best_epoch = s->best_epoch});
    s->sum = (tn_run_score){0};
}

/* The data cannot be read any more: what was learned until now must not be lost with them. */
static _Noreturn void fail_saved(session *s)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", tn_error());
    if (s->save.path && saving_now(s))
        run_fail("%s; the run is saved at step %lld in %s", why,
                 (long long)tn_plan_updates(s->plan), s->save.path);
    run_fail("%s", why);
}

static void train(session *s)
{
    if (s->save.path)
        saving_probe(s);
    session_feeds(s);
    if (s->resume)
        session_resume(s);
    stop_catch();
    progress_begin(&s->progress, s->steps, tn_plan_updates(s->plan), o.log_every);
    while (s->epoch < s->r.epochs && !at_end(s)) {
        const tn_status status = train_epoch(s);
        progress_clear(&s->progress);
        if (status != TN_OK)
            fail_saved(s);
        const double began = seconds();
        if (s->index / s->r.accumulate == s->per_epoch)
            finish_epoch(s);
        if (s->save.path)
            saving_due(s, at_end(s));
        session_skip_clock(s, seconds() - began);
    }
    progress_clear(&s->progress);
    tell_speed(s);
    if (s->stops)
        printf("stopped at step %lld of %lld%s%s\n", (long long)tn_plan_updates(s->plan),
               (long long)s->steps, s->save.path ? "; go on with --resume " : "",
               s->save.path ? s->save.path : "");
    if (s->save.path)
        saving_end(s);
}

/* --evaluate: a checkpoint, on the validation set. */
static void measure(session *s)
{
    session_feeds(s);
    tn_must(tn_checkpoint_load(s->plan, s->evaluate, TN_LOAD_PARAMS));
    const tn_run_score sum = evaluate(s, &s->val);
    if (!isfinite(sum.loss))
        run_fail("%s: its loss on %s is %g: its parameters compute no numbers", s->evaluate,
                 s->sets.val ? s->sets.val_path : s->sets.train_path, sum.loss);
    tell_score("evaluated:", &sum);
    printf(" of %lld images\n", (long long)sum.images);
}

int main(int argc, char **argv)
{
    session s = {0};
    parse(&s, argc, argv);
    session_open(&s);
    tell_start(&s);
    if (o.describe)
        tn_must(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, stdout));
    else if (s.evaluate)
        measure(&s);
    else
        train(&s);
    session_close(&s);
    return s.stops ? stop_status() : 0;
}
