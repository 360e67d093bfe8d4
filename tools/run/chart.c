#include "chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"

enum { LEFT = 50, RIGHT = 14, TOP = 40, BOTTOM = 26 };

#define MOST 1e300

/* Where values lie in the picture. */
typedef struct frame {
    double x, y, width, height; /* of the curves */
    double x_low, x_high, low, high;
    bool log;
} frame;

static double to_x(const frame *f, double x)
{
    return f->x + (x - f->x_low) / (f->x_high - f->x_low) * f->width;
}

/* Beyond the frame, too, but not so far that SVG does not know what to do with it. */
static double to_y(const frame *f, double y)
{
    if (!isfinite(y) || (f->log && y <= 0))
        return (double)NAN;
    const double share = f->log ? (log(y) - log(f->low)) / (log(f->high) - log(f->low))
                                : (y - f->low) / (f->high - f->low);
    const double at = f->y + f->height * (1 - share);
    return at < f->y - 1000               ? f->y - 1000
           : at > f->y + f->height + 1000 ? f->y + f->height + 1000
                                          : at;
}

/* What the curves need, those that are not faint all of it; a little more on each side. */
static void set_range(frame *f, const chart *c)
{
    double low = (double)INFINITY, high = -(double)INFINITY, a, b;
    for (int i = 0; i < c->num_curves; i++)
        if (curve_range(&c->curve[i], f->x_low, f->x_high, c->curve[i].faint, f->log, &a, &b)) {
            low = fmax(fmin(a, low), -MOST); /* so that their difference is a number */
            high = fmin(fmax(b, high), MOST);
        }
    if (!(low <= high)) {
        low = f->log ? 0.1 : 0;
        high = 1;
    }
    if (f->log) {
        f->low = fmax(low / 1.15, 1 / MOST);
        f->high = high * 1.15;
        return;
    }
    double pad = (high - low) * 0.06;
    if (!(pad > 0) || !isfinite(pad))
        pad = fabs(high) > 0 ? fabs(high) * 0.1 : 1;
    f->low = low >= 0 && low < pad ? 0 : low - pad;
    f->high = high + pad;
}

static void draw_axes(svg *s, const frame *f, const char *x_name)
{
    double tick[CHART_TICKS];
    char text[32];
    int count =
        f->log ? chart_log_ticks(f->low, f->high, tick) : chart_ticks(f->low, f->high, 6, tick);
    for (int i = 0; i < count; i++) {
        const double y = floor(to_y(f, tick[i])) + 0.5;
        chart_short(text, tick[i]);
        svg_line(s, "stroke thin line", f->x, y, f->x + f->width, y);
        svg_label(s, "fill ink3 end small", f->x - 8, y + 3.5, "%s", text);
    }
    const double bottom = f->y + f->height;
    const double name_width = chart_text_width(x_name);
    count = chart_ticks(f->x_low, f->x_high, (int)(f->width / 90), tick);
    for (int i = 0; i < count; i++) {
        const double x = to_x(f, tick[i]);
        chart_short(text, tick[i]);
        if (x < f->x + f->width - name_width - 20)
            svg_label(s, "fill ink3 middle small", x, bottom + 17, "%s", text);
    }
    svg_label(s, "fill ink3 end small", f->x + f->width, bottom + 17, "%s", x_name);
    svg_line(s, "stroke thin ink3", f->x, floor(bottom) + 0.5, f->x + f->width,
             floor(bottom) + 0.5);
}

/* Lines for all, texts as long as they do not run into each other. */
static void draw_marks(svg *s, const frame *f, const chart *c)
{
    double free_from = f->x;
    for (int i = 0; i < c->num_marks; i++) {
        const chart_mark *m = &c->mark[i];
        if (!(m->x >= f->x_low && m->x <= f->x_high))
            continue;
        const double x = floor(to_x(f, m->x)) + 0.5, width = chart_text_width(m->text);
        svg_line(s, "stroke thin dashed ink3", x, f->y - 3, x, f->y + f->height);
        const double right = f->x + f->width;
        const double at = x + width > right ? right - width : x;
        if (at < free_from)
            continue;
        svg_label(s, "fill ink2 small", at, f->y - 6, "%s", m->text);
        free_from = at + width + 8;
    }
}

static void draw_curve(svg *s, const frame *f, const curve *c)
{
    char classes[64];
    double *x = malloc(((size_t)c->count + 1) * 2 * sizeof *x), *y = x + c->count + 1;
    if (!x)
        run_fail("no memory to draw %lld points", (long long)c->count);
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++) {
        /* One beyond each end, so that the line leaves the frame where it should. */
        const bool inside = c->x[i] >= f->x_low && c->x[i] <= f->x_high;
        const bool next_is = i + 1 < c->count && c->x[i] < f->x_low && c->x[i + 1] >= f->x_low;
        const bool last_was = i > 0 && c->x[i] > f->x_high && c->x[i - 1] <= f->x_high;
        if (!inside && !next_is && !last_was)
            continue;
        x[count] = to_x(f, c->x[i]);
        y[count++] = to_y(f, c->y[i]);
    }
    snprintf(classes, sizeof classes, "stroke c%d%s%s", c->colour % SVG_COLOURS,
             c->faint ? " faint thin" : "", c->dashed ? " dashed" : "");
    if (count == 1 && isfinite(y[0])) {
        svg_open(s, "circle", classes);
        svg_number(s, "cx", x[0]);
        svg_number(s, "cy", y[0]);
        svg_number(s, "r", 2);
        svg_close(s);
    } else {
        svg_path(s, classes, curve_thin(count, x, y), x, y);
    }
    free(x);
}

static double last_of(const curve *c, double x_high)
{
    double last = (double)NAN;
    for (int64_t i = 0; i < c->count && c->x[i] <= x_high; i++)
        last = isfinite(c->y[i]) ? c->y[i] : last;
    return last;
}

/* The title, then each curve's key, name and last value, as far as there is room. */
static void draw_legend(svg *s, const chart *c, double x, double y, double width)
{
    const double right = x + width;
    svg_label(s, "fill ink bold", x, y, "%s", chart_fit(c->title, width / 2));
    x += chart_text_width(chart_fit(c->title, width / 2)) * 1.1 + 18;
    for (int i = 0; i < c->num_curves; i++) {
        const curve *one = &c->curve[i];
        char value[32], classes[32];
        if (!one->name)
            continue;
        chart_short(value, last_of(one, c->x_high));
        const double name = chart_text_width(one->name), number = chart_text_width(value) * 1.15;
        if (x + 22 + name + 5 + number > right)
            return;
        snprintf(classes, sizeof classes, "stroke c%d%s", one->colour % SVG_COLOURS,
                 one->dashed ? " dashed" : "");
        svg_line(s, classes, x, y - 4, x + 16, y - 4);
        svg_label(s, "fill ink2", x + 22, y, "%s", one->name);
        svg_label(s, "fill ink bold", x + 22 + name + 5, y, "%s", value);
        x += 22 + name + 5 + number + 20;
    }
}

void chart_draw(svg *s, const chart *c, double x, double y, double width, double height)
{
    static int clips;
    char clip[32], url[48];
    frame f = {.x = x + LEFT,
               .y = y + TOP,
               .width = width - LEFT - RIGHT,
               .height = height - TOP - BOTTOM,
               .x_low = c->x_low,
               .x_high = c->x_high > c->x_low ? c->x_high : c->x_low + 1,
               .log = c->log};
    set_range(&f, c);
    svg_open(s, "g", NULL);
    svg_open(s, "title", NULL);
    svg_text(s, c->title);
    svg_close(s);
    draw_axes(s, &f, c->x_name);
    draw_marks(s, &f, c);
    draw_legend(s, c, x + LEFT, y + 14, width - LEFT - RIGHT);
    snprintf(clip, sizeof clip, "tenon-clip-%d", clips);
    snprintf(url, sizeof url, "url(#tenon-clip-%d)", clips++);
    svg_open(s, "clipPath", NULL);
    svg_word(s, "id", clip);
    svg_rect(s, NULL, f.x, f.y - 2, f.width + 2, f.height + 2);
    svg_close(s);
    svg_open(s, "g", NULL);
    svg_word(s, "clip-path", url);
    for (int pass = 0; pass < 2; pass++) /* what is faint lies behind the rest */
        for (int i = 0; i < c->num_curves; i++)
            if (c->curve[i].count > 0 && c->curve[i].faint == (pass == 0))
                draw_curve(s, &f, &c->curve[i]);
    svg_close(s);
    svg_close(s);
}
