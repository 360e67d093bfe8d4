#define _POSIX_C_SOURCE 200809L /* gmtime_r */

#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "../common/args.h"
#include "../common/html.h"
#include "picture.h"
#include "run.h"

/* ---- first what is asked first ----------------------------------------------------------------- */

static const char *tag_of(tn_runs_state state)
{
    switch (state) {
    case TN_RUN_IS_DONE:
        return "ok";
    case TN_RUN_IS_FAILED:
    case TN_RUN_IS_DIED:
        return "bad";
    case TN_RUN_IS_STOPPED:
        return "warn";
    default:
        return "";
    }
}

static void write_figure(html *h, const char *number, const char *what)
{
    html_write(h, "<div class=\"fig\"><b>%s</b><span>%s</span></div>\n", number, what);
}

static double last_value(const tn_series *s, const char *kind, const char *name)
{
    tn_column c;
    return tn_series_find(s, kind, name, &c) && c.count > 0 ? c.value[c.count - 1] : (double)NAN;
}

static double mean_value(const tn_series *s, const char *name)
{
    tn_column c;
    double sum = 0;
    int64_t count = 0;
    if (!tn_series_find(s, "step", name, &c))
        return (double)NAN;
    for (int64_t i = 0; i < c.count; i++)
        if (isfinite(c.value[i])) {
            sum += c.value[i];
            count++;
        }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static void write_figures(html *h, const tn_run_info *r, const tn_series *s)
{
    html_write(h, "<section class=\"card figs\">\n");
    write_figure(h, run_number("%.0f", r->step < 0 ? (double)NAN : (double)r->step), "steps");
    write_figure(h, run_number("%.0f", r->epoch < 0 ? (double)NAN : (double)r->epoch), "epochs");
    write_figure(h, run_number("%.4f", last_value(s, "step", "loss")), "loss, at last");
    write_figure(h, run_number("%.2f %%", 100 * last_value(s, "epoch", "val.top1")),
                 "top-1 of the validation");
    write_figure(h, run_number("%.4g", tn_fields_number(r->all, "best.value")), "the best so far");
    write_figure(h, run_number("%.0f", mean_value(s, "images_s")), "images a second");
    html_write(h, "</section>\n");
}

static void write_header(html *h, const tn_run_info *r)
{
    char when[32] = "";
    struct tm utc;
    const time_t updated = isfinite(r->updated) && fabs(r->updated) < 1e11 ? (time_t)r->updated : 0;
    if (updated && gmtime_r(&updated, &utc))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    html_write(h, "<header><h1>%s</h1><p><span class=\"tag %s\">%s</span> %s%s%s</p></header>\n",
               r->name, tag_of(r->state), run_state_text(r), r->device ? r->device : "",
               r->device && when[0] ? ", " : "", when);
    if (r->reason)
        html_write(h, "<section class=\"card pad\"><b>%s</b></section>\n", r->reason);
    if (r->problem)
        html_write(h, "<section class=\"card pad\">%s</section>\n", r->problem);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void write_curves(html *h, const tn_run_info *r, tn_series *s)
{
    const plotted run = {.info = r, .series = s};
    picture p = {
        .run = &run, .num_runs = 1, .smooth = -1, .from = -1, .to = -1, .width = 536, .bare = true};
    if (!picture_find(&p))
        return;
    html_write(h, "<section><h2>Curves</h2><div class=\"curves\">\n");
    for (int n = 0; n < p.num_numbers; n++) {
        picture one = p;
        one.num_numbers = 1;
        memcpy(one.number[0], p.number[n], sizeof one.number[0]);
        html_write(h, "<div class=\"card chart\">\n");
        picture_write(&one, h->file.to);
        html_write(h, "</div>\n");
    }
    html_write(h, "</div></section>\n");
}

static void write_rows(html *h, const tn_series *s, const tn_column *epoch, int64_t from)
{
    static const char *const heads[] = {"epoch", "step",   "loss", "top-1", "loss, validation",
                                        "top-1", "seconds"};
    static const char *const names[] = {"train.loss", "train.top1", "val.loss", "val.top1",
                                        "seconds"};
    html_write(h, "<table><tr>");
    for (size_t k = 0; k < sizeof heads / sizeof heads[0]; k++)
        html_write(h, "<th class=\"num\">%s</th>", heads[k]);
    html_write(h, "</tr>\n");
    for (int64_t i = from; i < epoch->count; i++) {
        html_write(h, "<tr><td class=\"num\">%.0f</td><td class=\"num\">%lld</td>", epoch->value[i],
                   (long long)epoch->step[i]);
        for (int k = 0; k < 5; k++)
            html_write(h, "<td class=\"num\">%s</td>",
                       run_number(k < 4 ? "%.4f" : "%.1f",
                                  run_value_at(s, "epoch", names[k], epoch->step[i])));
        html_write(h, "</tr>\n");
    }
    html_write(h, "</table>\n");
}

/* The last of them, and all where one asks for them. */
static void write_epochs(html *h, const tn_series *s)
{
    enum { SHOWN = 12 };
    tn_column epoch;
    if (!tn_series_find(s, "epoch", "epoch", &epoch))
        return;
    html_write(h, "<section><h2>Epochs</h2><div class=\"card scroll\">\n");
    write_rows(h, s, &epoch, epoch.count > SHOWN ? epoch.count - SHOWN : 0);
    if (epoch.count > SHOWN) {
        html_write(h, "<details class=\"pad\"><summary>all %lld</summary>\n",
                   (long long)epoch.count);
        write_rows(h, s, &epoch, 0);
        html_write(h, "</details>\n");
    }
    html_write(h, "</div></section>\n");
}

/* The last of them, where a broken set has thousands. */
static void write_events(html *h, tn_series *s)
{
    enum { MOST = 500 };
    int64_t told = 0, first = 0;
    tn_event e;
    for (int64_t i = tn_series_num_events(s); i-- > 0 && told < MOST;)
        if (run_is_told(s, i)) {
            told++;
            first = i;
        }
    if (told == 0)
        return;
    html_write(h, "<section><h2>What happened</h2><div class=\"card scroll\"><table><tr><th "
                  "class=\"num\">step</th><th>"
                  "what</th><th></th></tr>\n");
    for (int64_t i = first; tn_series_event(s, i, &e); i++)
        if (run_is_told(s, i))
            html_write(
                h, "<tr><td class=\"num\">%lld</td><td>%s</td><td class=\"mono\">%s</td></tr>\n",
                (long long)e.step, e.kind, run_event_text(s, i));
    html_write(h, "</table></div></section>\n");
}

static void write_settings(html *h, const tn_run_info *r)
{
    tn_fields *f = NULL;
    const tn_field *one;
    if (tn_run_config_fields(&f, r->folder) != TN_OK) {
        args_warn("%s", run_text(tn_error()));
        return;
    }
    html_write(h, "<section><h2>Settings</h2><div class=\"card scroll\"><table>\n");
    for (int64_t i = 0; (one = tn_fields_at(f, i)); i++) {
        const int64_t element = run_element(one->name);
        if (one->kind == TN_FIELD_NULL || element > RUN_SHOWN_ELEMENTS)
            continue;
        if (element == RUN_SHOWN_ELEMENTS) {
            html_write(h, "<tr><td>%s</td><td>...</td></tr>\n", one->name);
            continue;
        }
        if (strchr(one->text, '\n') || strlen(one->text) > 200)
            html_write(h,
                       "<tr><td>%s</td><td><details><summary>%zu bytes</summary><pre "
                       "class=\"mono\">%s</pre></details></td></tr>\n",
                       one->name, strlen(one->text), one->text);
        else
            html_write(h, "<tr><td>%s</td><td class=\"mono\">%s</td></tr>\n", one->name, one->text);
    }
    html_write(h, "</table></div></section>\n");
    tn_fields_close(f);
}

static const char style[] = ".chart { overflow: hidden; }\n"
                            ".curves { display: grid; gap: 14px; grid-template-columns: "
                            "repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }\n";

void report_write(const tn_run_info *r, tn_series *s, const char *path, bool force)
{
    html h;
    html_begin(&h, path, force, r->name, style);
    write_header(&h, r);
    write_figures(&h, r, s);
    write_curves(&h, r, s);
    write_epochs(&h, s);
    report_classes(&h, r, s);
    write_events(&h, s);
    write_settings(&h, r);
    html_end(&h);
}
