/* A model as it is given, and what becomes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/text.h"
#include "../common/workspace.h"
#include "../train/opening.h"
#include "build.h"

/* ---- flags ------------------------------------------------------------------------------------ */

/* "1,8" */
static void read_rows(build *b)
{
    for (const char *p = b->q.rows; *p;) {
        char *end;
        const long long rows = strtoll(p, &end, 10);
        if (end == p || rows < 1 || rows > 65536 || (*end && *end != ','))
            args_fail("--batch %s: numbers of rows, with commas between them", b->q.rows);
        if (b->trials == BUILD_ROWS)
            args_fail("--batch %s: at most %d of them", b->q.rows, BUILD_ROWS);
        b->trial[b->trials++].rows = rows;
        p = end + (*end == ',');
    }
}

/* ---- the model -------------------------------------------------------------------------------- */

static void open_model(build *b, bool average)
{
    const build_question *q = &b->q;
    const opening o = {
        .weights = q->weights, .input = q->input, .mean = q->mean, .scale = q->scale};
    tn_model_opts opts = opening_opts(&o, 0, 0);
    opts.fit = q->fit;
    opts.average = average;
    tn_model_close(b->model);
    b->model = NULL;
    b->average = average;
    if (tn_model_open(&b->model, b->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_check(b->model);
}

static void say(tn_model *m, const char *key, const char *value)
{
    if (value && tn_model_tell(m, key, value) != TN_OK)
        args_fail("%s", tn_error());
}

/* A file of names, a line each, without empty lines at its end. */
static void say_classes(build *b)
{
    size_t size;
    char *text = b->q.classes ? text_read(b->q.classes, &size) : NULL;
    if (!text)
        return;
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        text[--size] = '\0';
    say(b->model, "tenon.classes", text);
    free(text);
}

static void make_ready(build *b)
{
    char all[512] = "";
    const char *without = b->q.without, *pass;
    if (without && strcmp(without, "all") == 0) {
        size_t used = 0;
        for (int i = 0; (pass = tn_optimise_pass(i)) && used < sizeof all; i++)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? "," : "", pass);
        without = all;
    }
    if (tn_model_optimise(&b->ready, b->model, &(tn_optimise_opts){.without = without}) != TN_OK)
        args_fail("%s", tn_error());
}

void build_open(build *b, const build_question *q)
{
    b->q = *q;
    read_rows(b);
    if (!q->force && access(q->out, F_OK) == 0)
        args_fail("%s is there already; --force writes it anew", q->out);
    run_model(b->path, q->workspace, q->model);
    open_model(b, false);
    if (tn_model_keeps_average(b->model) && !q->trained)
        open_model(b, true);
    for (int i = 0; tn_model_notice(b->model, i); i++)
        args_warn("%s", tn_model_notice(b->model, i));
    if (!tn_model_tensor(b->model, 0, NULL))
        args_fail("%s: has a net but no numbers%s", b->path,
                  q->weights ? "" : "; the file that has them comes behind it");
    say(b->model, "tenon.fit", q->fit);
    say_classes(b);
    make_ready(b);
}

void build_close(build *b)
{
    for (int i = 0; i < b->trials; i++)
        tn_context_destroy(b->trial[i].context);
    tn_engine_close(b->engine);
    tn_model_close(b->ready);
    tn_model_close(b->model);
}
