/* tenon-run compare: are two runs the same, and if not, where do they begin to differ? */
#include "compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../common/args.h"
#include "../common/table.h"
#include "../common/workspace.h"
#include "run.h"

enum { SHOWN_TENSORS = 10, NOT_THE_SAME = 3 };

static struct {
    const char *workspace;
    bool json;
} flags;

static const char about[] = "Compares what two runs computed: each line of their logs but for how "
                            "fast it was, when and by whom, the digests of\n"
                            "parameters and optimizer, and the checkpoints of one step. Says which "
                            "settings differ, the first step and number, and\n"
                            "the first tensors.";

static const char more[] = "Exit status: 0 the same; 3 not the same, also if one goes on where the "
                           "other has ended; 1 a file cannot be\n"
                           "read; 2 there is no such run.";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_FLAG, "json", NULL, "one object with all of it", &flags.json, 0, 0},
};

/* ---- settings ---------------------------------------------------------------------------------- */

typedef void tell_setting(void *to, const char *name, const char *a, const char *b);

/* Each field of the configs that is not the same; what the library adds is no setting. */
static void each_setting(const tn_fields *a, const tn_fields *b, tell_setting *tell, void *to)
{
    const tn_field *f;
    for (int64_t i = 0; (f = tn_fields_at(a, i)); i++) {
        const tn_field *g = tn_fields_find(b, f->name);
        if (strncmp(f->name, "tenon.", 6) != 0 &&
            (!g || g->kind != f->kind || strcmp(g->text, f->text) != 0))
            tell(to, f->name, f->text, g ? g->text : NULL);
    }
    for (int64_t i = 0; (f = tn_fields_at(b, i)); i++)
        if (strncmp(f->name, "tenon.", 6) != 0 && !tn_fields_find(a, f->name))
            tell(to, f->name, NULL, f->text);
}

static const char *brief(const char *text)
{
    enum { LONGEST = 60 };
    if (!text)
        return "nothing";
    return strlen(text) > LONGEST || strchr(text, '\n') ? "(long)" : run_text(text);
}

static void setting_to_table(void *to, const char *name, const char *a, const char *b)
{
    table_cell(to, "  %s", run_text(name));
    table_cell(to, "%s", brief(a));
    table_cell(to, "%s", brief(b));
}

static void setting_to_json(void *to, const char *name, const char *a, const char *b)
{
    json_object(to, NULL);
    json_text(to, "name", name);
    json_text(to, "a", a);
    json_text(to, "b", b);
    json_end(to, '}');
}

/* ---- text -------------------------------------------------------------------------------------- */

static bool same(const run_comparison *c)
{
    return !c->first.found && c->digest_differs < 0 && !c->tensors && c->same_to >= 0;
}

static void print_first(const run_comparison *c, const tn_run_info *const r[2])
{
    const run_difference *d = &c->first;
    if (same(c)) {
        printf("the same, to step %" PRId64 "\n", c->same_to);
        return;
    }
    if (c->same_to >= 0)
        printf("the same up to step %" PRId64 "\n", c->same_to);
    const bool in_a = d->value[0][0] == 'y';
    if (d->found && !d->field[0])
        printf("step %" PRId64 ": only %s has a line \"%s\"; the last of %s is of step %" PRId64
               "\n",
               d->step, in_a ? "a" : "b", d->kind, in_a ? "b" : "a", c->last[in_a]);
    else if (d->found)
        printf("first difference at step %" PRId64 ", %s %s: %s, %s\n", d->step, d->kind, d->field,
               d->value[0], d->value[1]);
    else if (c->same_to < 0)
        printf("nothing that both have told: %s and %s have no line of a step yet\n",
               run_text(r[0]->name), run_text(r[1]->name));
}

static void print_digests(const run_comparison *c)
{
    if (c->digest_same >= 0)
        printf("digests are the same at step %" PRId64 "\n", c->digest_same);
    if (c->digest_differs >= 0)
        printf("digests differ at step %" PRId64 ": %s%s%s\n", c->digest_differs,
               c->params ? "parameters" : "", c->params && c->optim ? " and " : "",
               c->optim ? "optimizer" : "");
}

static void print_tensors(const run_comparison *c)
{
    int64_t of;
    const int64_t count = tn_checkpoint_differences_count(c->tensors, &of);
    if (!c->tensors)
        return;
    printf("checkpoints of step %" PRId64 ": %" PRId64 " of %" PRId64 " tensors differ\n",
           c->tensors_step, count, of);
    table t = {.columns = "lrl"};
    const tn_tensor_difference *d;
    for (int64_t i = 0; i < SHOWN_TENSORS && (d = tn_checkpoint_differences_at(c->tensors, i));
         i++) {
        table_cell(&t, "  %s", run_text(d->name));
        if (d->why) {
            table_cell(&t, "%s", d->why);
            table_cell(&t, "%s", "");
            continue;
        }
        table_cell(&t, "%" PRId64 " of %" PRId64 " numbers", d->differ, d->count);
        table_cell(&t, "%s", isfinite(d->largest) ? run_number("by up to %.3g", d->largest) : "");
    }
    table_print(&t, stdout);
    if (count > SHOWN_TENSORS)
        printf("  and %" PRId64 " more\n", count - SHOWN_TENSORS);
}

static void print_text(const run_comparison *c, const tn_run_info *const r[2],
                       const tn_fields *const config[2])
{
    table t = {.columns = "lll"};
    for (int i = 0; i < 2; i++)
        printf("%c  %s: %s, step %" PRId64 "\n", "ab"[i], run_text(r[i]->folder),
               run_state_text(r[i]), c -> last[i]);
    each_setting(config[0], config[1], setting_to_table, &t);
    if (t.count > 0)
        printf("settings that differ, a and b:\n");
    table_print(&t, stdout);
    print_first(c, r);
    print_digests(c);
    print_tensors(c);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void count(json *j, const char *name, int64_t number)
{
    if (number < 0)
        json_null(j, name);
    else
        json_count(j, name, number);
}

static void first_to_json(json *j, const run_difference *d)
{
    if (!d->found) {
        json_null(j, "first");
        return;
    }
    json_object(j, "first");
    json_count(j, "step", d->step);
    json_text(j, "kind", d->kind);
    json_text(j, "field", d->field[0] ? d->field : NULL);
    json_text(j, "a", d->value[0]);
    json_text(j, "b", d->value[1]);
    json_end(j, '}');
}

static void tensors_to_json(json *j, const run_comparison *c)
{
    const tn_tensor_difference *d;
    json_array(j, "tensors");
    for (int64_t i = 0; (d = tn_checkpoint_differences_at(c->tensors, i)); i++) {
        json_object(j, NULL);
        json_text(j, "name", d->name);
        json_text(j, "why", d->why);
        json_count(j, "differ", d->differ);
        json_count(j, "of", d->count);
        json_real(j, "largest", d->largest);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void print_json(const run_comparison *c, const tn_run_info *const r[2],
                       const tn_fields *const config[2])
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    for (int i = 0; i < 2; i++) {
        json_object(&j, i == 0 ? "a" : "b");
        json_text(&j, "folder", r[i]->folder);
        json_text(&j, "state", tn_runs_state_name(r[i]->state));
        count(&j, "step", c->last[i]);
        json_end(&j, '}');
    }
    json_array(&j, "settings");
    each_setting(config[0], config[1], setting_to_json, &j);
    json_end(&j, ']');
    json_bool(&j, "same", same(c));
    count(&j, "same_to", c->same_to);
    first_to_json(&j, &c->first);
    count(&j, "digest_same", c->digest_same);
    count(&j, "digest_differs", c->digest_differs);
    json_count(&j, "checkpoints", c->checkpoints);
    count(&j, "tensors_step", c->tensors ? c->tensors_step : -1);
    tensors_to_json(&j, c);
    json_end(&j, '}');
}

int run_compare(int argc, char **argv)
{
    const args a = {.usage = "tenon-run compare A B [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 2,
                    .max_words = 2,
                    .words = "the names of two runs"};
    tn_run_info *r[2];
    tn_series *s[2];
    tn_fields *config[2] = {NULL, NULL};
    run_comparison c;
    args_parse(&a, argc, argv);
    for (int i = 0; i < 2; i++) {
        r[i] = run_named(flags.workspace, argv[1 + i]);
        s[i] = run_log_of(r[i]);
        if (tn_run_config_fields(&config[i], r[i]->folder) != TN_OK)
            args_warn("%s", run_text(tn_error()));
    }
    compare_logs(&c, s[0], s[1]);
    compare_checkpoints(&c, r[0]->folder, r[1]->folder);
    (flags.json ? print_json : print_text)(&c, (const tn_run_info *const *)r,
                                           (const tn_fields *const *)config);
    const int status = same(&c) ? 0 : NOT_THE_SAME;
    tn_checkpoint_differences_close(c.tensors);
    for (int i = 0; i < 2; i++) {
        tn_fields_close(config[i]);
        tn_series_close(s[i]);
        tn_run_info_close(r[i]);
    }
    return fflush(stdout) == 0 ? status : 1;
}
