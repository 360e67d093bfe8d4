/* tenon-run set, stop, snapshot, evaluate: orders to a run that is alive, and what it answers. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/workspace.h"
#include "run.h"

static struct {
    const char *workspace;
    int64_t at_step;
    double timeout;
    bool json;
} flags = {.at_step = -1, .timeout = 30};

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_INT, "at-step", "N", "when so many updates are made; default: at once", &flags.at_step, 0,
     1e15},
    {ARG_REAL, "timeout", "SECONDS", "wait no longer for the answer; default 30", &flags.timeout,
     ARG_ABOVE_0, 1e6},
    {ARG_FLAG, "json", NULL, "what came of it as one object", &flags.json, 0, 0},
};

static const char more[] = "Exit status: 0: obeyed, or it waits for --at-step; 1: refused; 2: the "
                           "run is not alive, or this "
                           "is no order;\n3: not answered within --timeout, and taken back.";

/* ---- the order ---------------------------------------------------------------------------------- */

/* "rate_scale=0.1" */
static void add_setting(json *j, const char *word)
{
    char name[64], *end;
    const char *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : 0;
    if (length == 0 || length >= sizeof name)
        args_fail("\"%s\" is no setting: name=number", run_text(word));
    memcpy(name, word, length);
    name[length] = '\0';
    errno = 0;
    const double number = strtod(equals + 1, &end);
    if (end == equals + 1 || *end || errno)
        args_fail("%s: \"%s\" is no number", run_text(name), run_text(equals + 1));
    json_exact(j, name, number);
}

/* For free(). */
static char *make_order(const char *order, char **setting, int count)
{
    char *text = NULL;
    size_t size = 0;
    json j = {.to = open_memstream(&text, &size)};
    const char *user = getenv("USER");
    if (!j.to)
        run_fail("no memory for an order");
    json_object(&j, NULL);
    json_text(&j, "order", order);
    if (count > 0) {
        json_object(&j, "set");
        for (int i = 0; i < count; i++)
            add_setting(&j, setting[i]);
        json_end(&j, '}');
    }
    if (flags.at_step >= 0)
        json_count(&j, "at_step", flags.at_step);
    if (user && *user && strlen(user) <= 32)
        json_text(&j, "by", user);
    json_end(&j, '}');
    if (fclose(j.to) != 0)
        run_fail("no memory for an order");
    return text;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static void tell(const char *name, const tn_run_answer *a)
{
    if (flags.json) {
        json j = {.to = stdout};
        json_object(&j, NULL);
        json_text(&j, "id", a->id);
        json_bool(&j, "applied", a->applied);
        json_bool(&j, "waits", a->waits);
        json_count(&j, "step", a->step);
        json_text(&j, "why", a->why[0] ? a->why : NULL);
        json_end(&j, '}');
        putchar('\n');
    } else if (a->waits && flags.at_step >= 0) {
        printf("%s: waits for step %lld, in control/%s.json\n", name, (long long)flags.at_step,
               a->id);
    } else if (a->waits) {
        printf("%s: waits until the run begins, in control/%s.json\n", name, a->id);
    } else if (a->applied) {
        printf("%s: obeyed at step %lld\n", name, (long long)a->step);
    } else {
        printf("%s: refused at step %lld: %s\n", name, (long long)a->step, run_text(a->why));
    }
}

static int ask(const char *run, const char *order, char **setting, int count)
{
    enum { LOOK_SECONDS = 1 };
    tn_run_answer a;
    tn_run_info *r = run_named(flags.workspace, run);
    char *text = make_order(order, setting, count);
    const bool later = flags.at_step >= 0 && flags.timeout > LOOK_SECONDS;
    const tn_status status = tn_run_ask(r->folder, text, later ? LOOK_SECONDS : flags.timeout, &a);
    free(text);
    if (status == TN_OK)
        tell(run_text(r->name), &a);
    else
        args_warn("%s", run_text(tn_error()));
    tn_run_info_close(r);
    if (status == TN_ERR_ARGUMENT)
        return 2;
    if (status != TN_OK)
        return status == TN_END ? 3 : 1;
    return fflush(stdout) == 0 && (a.applied || a.waits) ? 0 : 1;
}

/* ---- the commands -------------------------------------------------------------------------------- */

static int simple(const char *order, const char *usage, const char *about, int argc, char **argv)
{
    const args a = {.usage = usage,
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "the name of a run"};
    args_parse(&a, argc, argv);
    return ask(argv[1], order, NULL, 0);
}

int run_set(int argc, char **argv)
{
    static const char about[] =
        "Changes a run while it trains: rate_scale (the rate times this), momentum, decay, clip, "
        "epochs,\npatience, keep, log_every. The run obeys between two steps, all of it or "
        "nothing, and "
        "writes it down:\nwho resumes or repeats the run has it again. Batch, network and data are "
        "what "
        "the run is; for others\nbegin a new one with --init and a checkpoint.";
    const args a = {.usage = "tenon-run set RUN NAME=NUMBER... [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 2,
                    .max_words = -1,
                    .words = "the name of a run and what to set, rate_scale=0.1"};
    const int words = args_parse(&a, argc, argv);
    return ask(argv[1], "set", argv + 2, words - 1);
}

int run_stop(int argc, char **argv)
{
    return simple("stop", "tenon-run stop RUN [options]",
                  "Ends a run after the step at hand; it saves, and can be resumed.", argc, argv);
}

int run_snapshot(int argc, char **argv)
{
    return simple(
        "snapshot", "tenon-run snapshot RUN [options]",
        "Has a run write a checkpoint now, or at the end of an epoch if that is reached. It "
        "counts among the last few\nthat a run keeps.",
        argc, argv);
}

int run_evaluate(int argc, char **argv)
{
    return simple("evaluate", "tenon-run evaluate RUN [options]",
                  "Has a run validate now; `tenon run show` and the log tell what came of it.",
                  argc, argv);
}
