/*
 * alexnet: trains AlexNet on a folder of images. --help tells how, docs/alexnet.md tells all.
 *
 * The training is here; tools/train/session.c makes its parts from the flags.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
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
    const char *save, *resume, *run, *evaluate;
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
    {ARG_TEXT, "run", "DIR",
     "in place of both: keep all about the run in this folder, and\ngo on with it if it holds one",
     &o.run, 0, 0},
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
    if (o.run && (o.save || o.resume || o.evaluate))
        args_fail(
            "--run keeps checkpoints itself: it goes with none of --save, --resume, --evaluate");
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

/* One update of the parameters, from `accumulate` batches; the status is that of the data. */
static tn_status train_step(session *s)
{
    for (int64_t i = 0; i < s->r.accumulate; i++) {
        const tn_status status = session_next(s);
        if (status != TN_OK)
            return status;
        session_must(s, tn_plan_run(s->plan));
    }
    s->last_rate = tn_rate_at(&s->rate, s->r.first_step + tn_plan_updates(s->plan)) *
                   (float)s->now.set.rate_scale;
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

/* An epoch is over: on to the next one, and see what was learned. */
static void finish_epoch(session *s)
{
    tn_run_score train, val;
    session_turn(s);
    if (s->validates && !session_validate(s, &s->val, &val))
        return; /* told to stop; the epoch ends when the run goes on */
    session_must(s, tn_run_scores(s->run, &train, NULL));
    session_must(s, tn_run_epoch(s->run, NULL, s->validates ? &val : NULL));
    tell_epoch(s, &(epoch_told){.epoch = tn_run_epochs(s->run),
                                .epochs = s->now.set.epochs,
                                .train = train,
                                .val = s->validates ? &val : NULL,
                                .best = tn_run_best_so_far(s->run)});
    s->seen = (tn_run_score){0};
}

/* The data cannot be read any more: what was learned until now must not be lost with them. */
static _Noreturn void fail_saved(session *s)
{
    char why[1024], all[5200];
    snprintf(why, sizeof why, "%s", tn_error());
    snprintf(all, sizeof all, "%s; the run is saved at step %lld in %s", why,
             (long long)tn_plan_updates(s->plan), o.run ? o.run : s->save.path);
    const bool saved = o.run ? tn_run_save(s->run) == TN_OK : s->save.path && saving_now(s);
    session_fail(s, saved ? all : why);
}

/* A run in a folder, or one that has a file at most. */
static void open_run(session *s)
{
    const recipe_text said = recipe_describe(&s->r);
    char *config = recipe_json(&s->r);
    session_run(s,
                (tn_run_opts){.folder = o.run,
                              .config = config,
                              .resume = o.run != NULL,
                              .file = s->resume,
                              .save_epochs = o.save_every,
                              .set = {.log_every = o.log_every}},
                &said);
    free(config);
    if (s->resume)
        saving_compare(s);
    if (s->resume || (o.run && tn_plan_updates(s->plan) > 0))
        tell_resumed(s, o.run ? o.run : s->resume);
    else if (o.run)
        printf("run      %s\n", o.run);
}

static int train(session *s)
{
    if (s->save.path)
        saving_probe(s);
    session_feeds(s);
    open_run(s);
    progress_begin(&s->progress, s->steps, tn_plan_updates(s->plan), o.log_every);
    session_evaluate(s);
    while (!session_at_end(s)) {
        const tn_status status = train_epoch(s);
        session_look_now(s);
        progress_clear(&s->progress);
        if (status != TN_OK)
            fail_saved(s);
        const double began = seconds();
        if (session_left(s) == 0)
            finish_epoch(s);
        if (s->save.path)
            saving_due(s, session_at_end(s));
        session_skip_clock(s, seconds() - began);
    }
    tell_speed(s);
    if (s->now.stop)
        printf("stopped at step %lld of %lld%s%s\n", (long long)tn_plan_updates(s->plan),
               (long long)s->steps,
               o.run          ? "; go on with --run "
               : s->save.path ? "; go on with --resume "
                              : "",
               o.run          ? o.run
               : s->save.path ? s->save.path
                              : "");
    if (s->save.path)
        saving_end(s);
    return session_end(s);
}

/* --evaluate: a checkpoint, on the validation set. */
static int measure(session *s)
{
    tn_run_score sum;
    session_feeds(s);
    /* It began with the file's averages, if there are such, all of them. */
    if (!tn_model_keeps_average(s->from) || tn_plan_from(s->plan, TN_FROM_NEW, 0))
        tn_must(tn_checkpoint_load(s->plan, s->evaluate, TN_LOAD_PARAMS));
    session_run(s, (tn_run_opts){0}, NULL);
    if (session_validate(s, &s->val, &sum)) {
        if (!isfinite(sum.loss))
            run_fail("%s: its loss on %s is %g: its parameters compute no numbers", s->evaluate,
                     s->sets.val ? s->sets.val_path : s->sets.train_path, sum.loss);
        tell_score("evaluated:", &sum);
        printf(" of %lld images\n", (long long)sum.images);
    }
    return session_end(s);
}

int main(int argc, char **argv)
{
    session s = {0};
    int status = 0;
    parse(&s, argc, argv);
    session_open(&s);
    tell_start(&s);
    if (o.describe)
        tn_must(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, stdout));
    else
        status = s.evaluate ? measure(&s) : train(&s);
    session_close(&s);
    return status;
}
