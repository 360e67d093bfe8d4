/* tenon-run show: one run, as text, as JSON, or as a page. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "../common/args.h"
#include "../common/table.h"
#include "../common/workspace.h"
#include "report.h"
#include "run.h"

enum { SHOWN_EPOCHS = 10, SHOWN_EVENTS = 20 };

static struct {
    const char *workspace, *html;
    bool json, force;
} flags;

static const char about[] = "One run: its state, its last and best numbers, its epochs, what "
                            "happened to it (orders, warnings, resumes), and the\n"
                            "settings that repeat it.";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_FLAG, "json", NULL, "one object with all of it", &flags.json, 0, 0},
    {ARG_TEXT, "html", "FILE", "all of it, with its curves, as one page that needs nothing\nelse",
     &flags.html, 0, 0},
    {ARG_FLAG, "force", NULL, "write over a page that is there", &flags.force, 0, 0},
};

/* ---- text -------------------------------------------------------------------------------------- */

/* "loss 0.41, top1 0.88" of the fields of state.json below `group`. */
static void print_group(const tn_run_info *r, const char *title, const char *group)
{
    const size_t length = strlen(group);
    bool any = false;
    for (int64_t i = 0; i < tn_fields_count(r->all); i++) {
        const tn_field *f = tn_fields_at(r->all, i);
        if (strncmp(f->name, group, length) != 0 || f->name[length] != '.' ||
            f->kind != TN_FIELD_NUMBER)
            continue;
        if (any)
            printf(", ");
        else
            printf("%-11s ", title);
        printf("%s %.6g", run_text(f->name + length + 1), f->number);
        any = true;
    }
    if (any)
        printf("\n");
}

static void print_head(const tn_run_info *r)
{
    printf("%s is %s", run_text(r->name), run_state_text(r));
    if (r->epoch >= 0)
        printf(", epochs done: %" PRId64, r->epoch);
    if (r->step >= 0)
        printf(", step %" PRId64, r->step);
    if (r->steps > 0)
        printf(" of %" PRId64, r->steps);
    if (r->alive && isfinite(r->eta))
        printf(", %s left", run_span(r->eta));
    printf("\n%-11s %s\n", "folder", run_text(r->folder));
    if (r->reason)
        printf("%-11s %s\n", "reason", run_text(r->reason));
    if (r->device)
        printf("%-11s %s\n", "device", run_text(r->device));
    if (tn_fields_text(r->all, "trouble"))
        printf("%-11s %s\n", "trouble", run_text(tn_fields_text(r->all, "trouble")));
    print_group(r, "last", "last");
    print_group(r, "best", "best");
    if (r->checkpoint && r->state > TN_RUN_IS_DONE)
        printf("%-11s %s\n", "goes on from", run_text(r->checkpoint));
}

static void print_epochs(const tn_series *s)
{
    static const char *const names[] = {"train.loss", "train.top1", "val.loss", "val.top1",
                                        "seconds"};
    static const char *const heads[] = {"epoch",    "step",  "train loss", "top-1",
                                        "val loss", "top-1", "seconds"};
    table t = {.columns = "rrrrrrr"};
    tn_column epoch;
    if (!tn_series_find(s, "epoch", "epoch", &epoch))
        return;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&t, "%s", heads[i]);
    for (int64_t i = epoch.count > SHOWN_EPOCHS ? epoch.count - SHOWN_EPOCHS : 0; i < epoch.count;
         i++) {
        table_cell(&t, "%.0f", epoch.value[i]);
        table_cell(&t, "%" PRId64, epoch.step[i]);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            table_cell(&t, "%s",
                       run_number(k < 4 ? "%.4f" : "%.1f",
                                  run_value_at(s, "epoch", names[k], epoch.step[i])));
    }
    if (epoch.count > SHOWN_EPOCHS)
        printf("\nthe last %d of %" PRId64 " epochs\n", SHOWN_EPOCHS, epoch.count);
    else
        printf("\n");
    table_print(&t, stdout);
}

static void print_events(tn_series *s)
{
    int64_t told = 0, first = 0;
    for (int64_t i = tn_series_num_events(s); i-- > 0 && told < SHOWN_EVENTS;)
        if (run_is_told(s, i)) {
            told++;
            first = i;
        }
    for (int64_t i = first; told > 0 && i < tn_series_num_events(s); i++) {
        tn_event e;
        if (!run_is_told(s, i) || !tn_series_event(s, i, &e))
            continue;
        printf("%s%8" PRId64 "  %-10s %s\n", i == first ? "\n" : "", e.step, run_text(e.kind),
               run_event_text(s, i));
    }
}

static void print_settings(const tn_run_info *r)
{
    enum { LONGEST = 60 };
    tn_fields *f = NULL;
    if (tn_run_config_fields(&f, r->folder) != TN_OK) {
        args_warn("%s", run_text(tn_error()));
        return;
    }
    printf("\n");
    for (int64_t i = 0; i < tn_fields_count(f); i++) {
        const tn_field *one = tn_fields_at(f, i);
        const int64_t element = run_element(one->name);
        if (one->kind == TN_FIELD_NULL || element > RUN_SHOWN_ELEMENTS)
            continue;
        if (element == RUN_SHOWN_ELEMENTS)
            printf("%-28s ...\n", run_text(one->name));
        else if (strlen(one->text) > LONGEST || strchr(one->text, '\n'))
            printf("%-28s (%zu bytes)\n", run_text(one->name), strlen(one->text));
        else
            printf("%-28s %s\n", run_text(one->name), run_text(one->text));
    }
    tn_fields_close(f);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void print_json(const tn_run_info *r, tn_series *s)
{
    json j = {.to = stdout};
    tn_fields *f = NULL;
    json_object(&j, NULL);
    run_json(&j, r);
    if (tn_run_config_fields(&f, r->folder) == TN_OK)
        run_json_fields(&j, "config", f);
    else
        json_null(&j, "config");
    tn_fields_close(f);
    json_array(&j, "epochs");
    run_json_events(&j, s, "epoch");
    json_end(&j, ']');
    json_array(&j, "events");
    run_json_events(&j, s, NULL);
    json_end(&j, ']');
    json_end(&j, '}');
}

int run_show(int argc, char **argv)
{
    const args a = {.usage = "tenon-run show RUN [options]",
                    .about = about,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "the name of a run"};
    args_parse(&a, argc, argv);
    tn_run_info *r = run_named(flags.workspace, argv[1]);
    tn_series *s = run_log_of(r);
    if (flags.html) {
        report_write(r, s, flags.html, flags.force);
    } else if (flags.json) {
        print_json(r, s);
    } else {
        print_head(r);
        print_epochs(s);
        print_events(s);
        print_settings(r);
    }
    tn_series_close(s);
    tn_run_info_close(r);
    return fflush(stdout) == 0 ? 0 : 1;
}
