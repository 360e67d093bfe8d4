#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "run.h"

enum { PAD = 18, GAP = 16, CHART_HEIGHT = 224, MOST_MARKS = 64 };

/* ---- which numbers ----------------------------------------------------------------------------- */

/* Where a number is: of steps, of validations, of epochs. */
static bool column_of(const tn_series *s, int kind, const char *number, tn_column *out)
{
    char name[PICTURE_NAME + 8];
    snprintf(name, sizeof name, "%s%s", kind == 1 ? "val." : "", number);
    return tn_series_find(s, kind == 0 ? "step" : "epoch", name, out);
}

static bool is_there(const picture *p, const char *number)
{
    tn_column c;
    for (int i = 0; i < p->num_runs; i++)
        for (int kind = 0; kind < 3; kind++)
            if (column_of(p->run[i].series, kind, number, &c))
                return true;
    return false;
}

static void add(picture *p, const char *number, size_t length)
{
    if (length >= PICTURE_NAME)
        args_fail("the name of a number has at most %d letters: %s", PICTURE_NAME - 1,
                  run_text(number));
    if (p->num_numbers == PICTURE_CHARTS)
        args_fail("a picture has at most %d charts", PICTURE_CHARTS);
    memcpy(p->number[p->num_numbers], number, length);
    p->number[p->num_numbers++][length] = '\0';
}

static bool has(const picture *p, const char *number)
{
    for (int i = 0; i < p->num_numbers; i++)
        if (strcmp(p->number[i], number) == 0)
            return true;
    return false;
}

/* What a run has, loss and top1 first; what only says where it is has no curve. */
bool picture_find(picture *p)
{
    static const char *const first[] = {"loss", "top1", "rate", "images_s"};
    static const char *const none[] = {"epoch", "batch", "wait"};
    tn_column c;
    p->num_numbers = 0;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        if (is_there(p, first[i]))
            add(p, first[i], strlen(first[i]));
    for (int r = 0; r < p->num_runs; r++)
        for (int64_t i = 0; tn_series_column(p->run[r].series, i, &c); i++) {
            bool out =
                strcmp(c.kind, "step") != 0 || strlen(c.name) >= PICTURE_NAME || has(p, c.name);
            for (size_t k = 0; k < sizeof none / sizeof none[0]; k++)
                out |= strcmp(c.name, none[k]) == 0;
            if (!out && p->num_numbers < PICTURE_CHARTS)
                add(p, c.name, strlen(c.name));
        }
    return p->num_numbers > 0;
}

void picture_choose(picture *p, const char *list)
{
    p->num_numbers = 0;
    if (!list && !picture_find(p))
        args_fail("no run has a number in its log yet");
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
        add(p, at, strcspn(at, ","));
        if (!is_there(p, p->number[p->num_numbers - 1]))
            args_fail("no run has a number called \"%s\" in its log",
                      run_text(p->number[p->num_numbers - 1]));
    }
    if (p->num_numbers == 0)
        args_fail("--of names no number");
}

/* ---- one chart --------------------------------------------------------------------------------- */

static bool is_share(const char *number)
{
    return strncmp(number, "top", 3) == 0 || strcmp(number, "wait") == 0;
}

static const char *title_of(const char *number)
{
    static const char *const titles[][2] = {{"top1", "top-1"},
                                            {"top5", "top-5"},
                                            {"images_s", "images a second"},
                                            {"norm", "gradient norm"},
                                            {"scale", "loss scale"}};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (strcmp(titles[i][0], number) == 0)
            return titles[i][1];
    return number;
}

/* Points of the longest of the runs: all are smoothed alike. */
static int64_t most_points(const picture *p, const char *number)
{
    tn_column c;
    int64_t most = 0;
    for (int i = 0; i < p->num_runs; i++)
        if (column_of(p->run[i].series, 0, number, &c) && c.count > most)
            most = c.count;
    return most;
}

/* Curves of a few points are seen as they are; of many a mean of some fiftieth of them is. */
static double weight_of(const picture *p, const char *number)
{
    static const char *const noisy[] = {"loss", "top1", "top5", "norm"};
    bool is = false;
    for (size_t i = 0; i < sizeof noisy / sizeof noisy[0]; i++)
        is |= strcmp(noisy[i], number) == 0;
    if (!is || p->smooth >= 0)
        return is ? p->smooth : 0;
    const double weight = 1 - 25 / ((double)most_points(p, number) + 1);
    return weight < 0 ? 0 : weight > 0.98 ? 0.98 : weight;
}

/* The curves of a run: of steps faint and smoothed, of validations dashed. One run has a colour a kind, several a colour each. */
static void add_curves(const picture *p, int run, const char *number, chart *c)
{
    static const char *const names[] = {"train", "val", ""};
    const bool one = p->num_runs == 1;
    tn_column column, val;
    bool any = false;
    for (int kind = 0; kind < 3; kind++) {
        if ((kind == 2 && any) || !column_of(p->run[run].series, kind, number, &column))
            continue;
        any = true;
        const char *name = !one                                             ? NULL
                           : column_of(p->run[run].series, 1, number, &val) ? names[kind]
                                                                            : "";
        curve raw = curve_of(column.step, column.value, column.count);
        raw.colour = one ? kind % 2 : run;
        raw.dashed = kind == 1 && !one;
        const double weight = kind == 0 ? weight_of(p, number) : 0;
        if (weight > 0) {
            curve mean = curve_smooth(&raw, weight);
            raw.faint = true;
            mean.name = name;
            c->curve[c->num_curves++] = raw;
            c->curve[c->num_curves++] = mean;
        } else {
            raw.name = name;
            c->curve[c->num_curves++] = raw;
        }
    }
}

/* Of a single run: what was ordered, and where it went on. */
static int marks_of(const picture *p, chart_mark mark[MOST_MARKS])
{
    int count = 0;
    tn_event e;
    for (int64_t i = 0;
         p->num_runs == 1 && count < MOST_MARKS && tn_series_event(p->run[0].series, i, &e); i++) {
        const bool order = strcmp(e.kind, "order") == 0;
        if (!order && strcmp(e.kind, "resume") != 0 && strcmp(e.kind, "diverged") != 0)
            continue;
        chart_mark *m = &mark[count++];
        m->x = (double)e.step;
        snprintf(m->text, sizeof m->text, "%s",
                 order ? run_order_text(p->run[0].series, i) : e.kind);
    }
    return count;
}

static void set_range(const picture *p, double *low, double *high)
{
    tn_column c;
    *low = (double)INFINITY;
    *high = -(double)INFINITY;
    for (int r = 0; r < p->num_runs; r++)
        for (int n = 0; n < p->num_numbers; n++)
            for (int kind = 0; kind < 3; kind++)
                if (column_of(p->run[r].series, kind, p->number[n], &c) && c.count > 0) {
                    *low = (double)c.step[0] < *low ? (double)c.step[0] : *low;
                    *high =
                        (double)c.step[c.count - 1] > *high ? (double)c.step[c.count - 1] : *high;
                }
    *low = p->from >= 0 ? p->from : *low <= 20 || *low < *high * 0.02 ? 0 : *low;
    *high = p->to >= 0 ? p->to : *high;
}

/* ---- the picture ------------------------------------------------------------------------------- */

/* The runs' names, each beside its colour, in as many lines as they need; returns where the charts begin. NULL: nothing is
 * drawn. */
static double draw_names(svg *s, const picture *p)
{
    static const char dashes[] = "dashed: of validations";
    double x = PAD, y = PAD + 14;
    for (int i = 0; i <= p->num_runs; i++) {
        const char *name =
            i < p->num_runs ? chart_fit(run_text(p->run[i].info->name), 260) : dashes;
        const double width = 22 + chart_text_width(name) + 22;
        if (x > PAD && x + width > p->width - PAD) {
            x = PAD;
            y += 20;
        }
        if (s && i < p->num_runs) {
            char classes[32];
            snprintf(classes, sizeof classes, "stroke c%d", i);
            svg_line(s, classes, x, y - 4, x + 16, y - 4);
        }
        if (s)
            svg_label(s, i < p->num_runs ? "fill ink" : "fill ink3 small", x + 22, y, "%s", name);
        x += width;
    }
    return y + GAP;
}

static double draw_head(svg *s, const picture *p)
{
    const tn_run_info *r = p->run[0].info;
    const double y = PAD + 14;
    if (p->bare)
        return GAP;
    if (p->num_runs > 1)
        return draw_names(s, p);
    const char *name = chart_fit(run_text(r->name), p->width / 2);
    if (s) {
        svg_label(s, "fill ink bold", PAD, y, "%s", name);
        svg_label(s, "fill ink2", PAD + chart_text_width(name) * 1.1 + 14, y, "%s, step %lld",
                  tn_runs_state_name(r->state), (long long)(r->step < 0 ? 0 : r->step));
    }
    return y + GAP;
}

static void draw_chart(svg *s, const picture *p, int n, double x, double y, double width)
{
    chart_mark mark[MOST_MARKS];
    chart c = {.title = title_of(p->number[n]), .x_name = "step", .mark = mark};
    c.curve = calloc((size_t)p->num_runs * 4, sizeof *c.curve);
    if (!c.curve)
        run_fail("no memory for the curves of %d runs", p->num_runs);
    for (int r = 0; r < p->num_runs; r++)
        add_curves(p, r, p->number[n], &c);
    c.num_marks = marks_of(p, mark);
    c.log = p->log && !is_share(p->number[n]);
    set_range(p, &c.x_low, &c.x_high);
    chart_draw(s, &c, x, y, width, CHART_HEIGHT);
    for (int i = 0; i < c.num_curves; i++)
        curve_free(&c.curve[i]);
    free(c.curve);
}

void picture_write(const picture *p, FILE *to)
{
    const int columns = p->num_numbers > 1 && p->width >= 800 ? 2 : 1;
    const int rows = (p->num_numbers + columns - 1) / columns;
    const double width = (p->width - 2 * PAD - (columns - 1) * GAP) / columns;
    char title[512];
    svg s;
    snprintf(title, sizeof title, "%s%s", run_text(p->run[0].info->name),
             p->num_runs > 1 ? " and others" : "");
    svg_begin(&s, to, p->width, draw_head(NULL, p) + rows * (CHART_HEIGHT + GAP), title);
    const double top = draw_head(&s, p);
    for (int n = 0; n < p->num_numbers; n++)
        draw_chart(&s, p, n, PAD - 8 + (n % columns) * (width + GAP),
                   top + n / columns * (CHART_HEIGHT + GAP), width);
    svg_end(&s);
}
