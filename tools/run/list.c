/* tenon-run list: a line a run. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/args.h"
#include "../common/table.h"
#include "../common/workspace.h"
#include "run.h"

static struct {
    const char *workspace, *state;
    bool json;
} flags;

static const char about[] = "The runs of a workspace: whether they live, how far they are, their "
                            "last and best numbers. Those that live come\n"
                            "first, then those that ended last. A run lives if somebody holds its "
                            "lock; one that says to run and has died is\n"
                            "\"died\". With FOLDER: the runs in there.";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_CHOICE, "state", "queued|starting|running|stopping|done|stopped|failed|died",
     "only those; default: all", &flags.state, 0, 0},
    {ARG_FLAG, "json", NULL, "an array with all that is known", &flags.json, 0, 0},
};

static int by_life(const void *a, const void *b)
{
    const tn_run_info *x = *(const tn_run_info *const *)a, *y = *(const tn_run_info *const *)b;
    if (x->alive != y->alive)
        return y->alive - x->alive;
    const double tx = isfinite(x->updated) ? x->updated : 0,
                 ty = isfinite(y->updated) ? y->updated : 0;
    return tx != ty ? (tx < ty ? 1 : -1) : strcmp(x->name, y->name);
}

static void print_json(const tn_run_info *const *run, int64_t count)
{
    json j = {.to = stdout};
    json_array(&j, NULL);
    for (int64_t i = 0; i < count; i++) {
        json_object(&j, NULL);
        run_json(&j, run[i]);
        json_end(&j, '}');
    }
    json_end(&j, ']');
}

static void print_row(table *t, const tn_run_info *r, double now)
{
    table_cell(t, "%s", run_text(r->name));
    table_cell(t, "%s", run_state_text(r));
    table_cell(t, "%s", run_number("%.0f", r->epoch < 0 ? (double)NAN : (double)r->epoch));
    if (r->steps > 0)
        table_cell(t, "%lld/%lld", (long long)r->step, (long long)r->steps);
    else
        table_cell(t, "%s", run_number("%.0f", r->step < 0 ? (double)NAN : (double)r->step));
    table_cell(t, "%s", run_number("%.4f", tn_fields_number(r->all, "last.loss")));
    table_cell(t, "%s", run_number("%.4g", tn_fields_number(r->all, "best.value")));
    if (r->alive && isfinite(r->eta))
        table_cell(t, "%s left", run_span(r->eta));
    else if (isfinite(r->updated))
        table_cell(t, "%s ago", run_span(now - r->updated));
    else
        table_cell(t, "-");
    table_cell(t, "%s", r->problem ? run_text(r->problem) : r->reason ? run_text(r->reason) : "");
}

static void print_table(const tn_run_info *const *run, int64_t count)
{
    static const char *const heads[] = {"run",  "state", "epoch", "step",
                                        "loss", "best",  "when",  ""};
    table t = {.columns = "llrrrrrl"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&t, "%s", heads[i]);
    for (int64_t i = 0; i < count; i++)
        print_row(&t, run[i], (double)now.tv_sec);
    table_print(&t, stdout);
}

int run_list(int argc, char **argv)
{
    const args a = {.usage = "tenon-run list [FOLDER] [options]",
                    .about = about,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .max_words = 1,
                    .words = "a folder of runs"};
    char folder[RUN_PATH];
    tn_runs *runs = NULL;
    const int words = args_parse(&a, argc, argv);
    if (words == 0)
        runs_folder(folder, flags.workspace);
    if (tn_runs_list(&runs, words ? argv[1] : folder) != TN_OK)
        args_fail("%s", run_text(tn_error()));
    const int64_t all = tn_runs_count(runs);
    const tn_run_info **run = calloc((size_t)all + 1, sizeof *run);
    int64_t count = 0;
    if (!run)
        run_fail("no memory for %lld runs", (long long)all);
    for (int64_t i = 0; i < all; i++) {
        const tn_run_info *r = tn_runs_at(runs, i);
        if (!flags.state || strcmp(flags.state, tn_runs_state_name(r->state)) == 0)
            run[count++] = r;
    }
    qsort(run, (size_t)count, sizeof *run, by_life);
    if (flags.json)
        print_json(run, count);
    else
        print_table(run, count);
    free(run);
    tn_runs_close(runs);
    return fflush(stdout) == 0 ? 0 : 1;
}
