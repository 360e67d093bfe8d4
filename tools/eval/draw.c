/*
 * The confusion matrix as a picture: a row for what a picture shows, a column for what the model says, each cell as deep as
 * its share of the row. Up to a number of classes names and counts can be read; of more it is a picture alone, of most with
 * neighbouring classes drawn as one; then the worst confusions stand beside it as text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/svg.h"
#include "../common/utf8.h"
#include "eval.h"

enum {
    MOST_NUMBERS = 24,
    MOST_NAMES = 60,
    MOST_CELLS = 200,
    MOST_LISTED = 24,
    MARGIN = 24,
    TOP = 84
};

typedef struct drawing {
    svg s;
    const evaluation *e;
    int side, together;            /* cells on a side, classes in each */
    double cell;                   /* pixels */
    double left, top, names, list; /* of the matrix; width of row names and of the list */
    int64_t *count, *row;
} drawing;

/* At most `letters` characters of a name, on one line. */
static const char *shorten(const char *name, int letters, char to[128])
{
    size_t used = 0;
    while (*name && letters > 0 && used < 100) {
        const int length = utf8_length(name);
        if (letters-- == 1 && name[length ? length : 1]) {
            memcpy(to + used, "\xE2\x80\xA6", 3); /* an ellipsis */
            used += 3;
            break;
        }
        memcpy(to + used, name, (size_t)(length ? length : 1));
        used += (size_t)(length ? length : 1);
        name += length ? length : 1;
    }
    to[used] = '\0';
    return to;
}

static int64_t *numbers(size_t count)
{
    int64_t *p = calloc(count, sizeof *p);
    if (!p)
        run_fail("no memory for a picture of %zu cells", count);
    return p;
}

static int longest_name(const evaluation *e, int most)
{
    int longest = 0;
    for (int k = 0; k < e->classes; k++) {
        const int letters = (int)strlen(eval_class_name(e, k));
        longest = letters > longest ? letters : longest;
    }
    return longest < most ? longest : most;
}

static void measure(drawing *d)
{
    const evaluation *e = d->e;
    d->together = (e->classes + MOST_CELLS - 1) / MOST_CELLS;
    d->side = (e->classes + d->together - 1) / d->together;
    d->cell = d->side <= MOST_NUMBERS ? 34 : d->side <= MOST_NAMES ? 13 : fmax(3, 700.0 / d->side);
    d->names = d->side <= MOST_NAMES && d->together == 1 ? 6.6 * longest_name(e, 18) + 14 : 14;
    d->left = MARGIN + d->names;
    d->top = TOP + d->names;
    d->list = e->classes > 2 ? 330 : 0;
    d->count = numbers((size_t)d->side * (size_t)d->side);
    d->row = numbers((size_t)d->side);
    for (int64_t i = 0; i < e->cells; i++) {
        const tn_eval_cell *c = &e->cell[i];
        const int row = c->label / d->together;
        d->row[row] += c->rows;
        if (c->said >= 0)
            d->count[row * d->side + c->said / d->together] += c->rows;
    }
}

static void draw_head(drawing *d)
{
    const evaluation *e = d->e;
    const tn_eval_total *t = &e->total;
    char model[128], data[128];
    const char *slash = strrchr(e->path, '/');
    svg_label(&d->s, "fill ink bold", MARGIN, 30, "%s on %s",
              shorten(slash ? slash + 1 : e->path, 48, model), shorten(e->data, 48, data));
    svg_label(&d->s, "fill ink2", MARGIN, 50,
              "top-1 %.2f %%, top-5 %.2f %%, loss %.4f, of %lld pictures%s",
              100 * (double)t->top_1 / (double)t->rows, 100 * (double)t->top_k / (double)t->rows,
              t->loss, (long long)t->rows, e->q.ten_crop ? ", ten crops" : "");
    if (d->together > 1)
        svg_label(&d->s, "fill ink3 small", MARGIN, 68,
                  "%d classes, %d neighbours to a cell, so that what is taken for one of these is "
                  "on the diagonal too; deeper: a larger share of the row",
                  e->classes, d->together);
    else
        svg_label(&d->s, "fill ink3 small", MARGIN, 68,
                  "%d classes: a row for what it is, a column for what the model says; deeper: a "
                  "larger share of the row",
                  e->classes);
}

/* The diagonal is what is right. The root lets few be seen beside many. */
static void draw_cell(drawing *d, int row, int column)
{
    const int64_t count = d->count[row * d->side + column];
    if (count == 0)
        return;
    const double x = d->left + column * d->cell, y = d->top + row * d->cell;
    const double share = (double)count / (double)d->row[row], gap = d->cell > 8 ? 1 : 0;
    char names[2][128];
    svg_open(&d->s, "rect", row == column ? "fill c0" : "fill bad");
    svg_number(&d->s, "x", x);
    svg_number(&d->s, "y", y);
    svg_number(&d->s, "width", d->cell - gap);
    svg_number(&d->s, "height", d->cell - gap);
    svg_number(&d->s, "fill-opacity", 0.06 + 0.54 * sqrt(share));
    if (d->together == 1 && d->side <= MOST_NAMES) { /* what a browser shows when pointed at */
        char says[400];
        snprintf(says, sizeof says, "%s, taken for %s: %lld of %lld",
                 shorten(eval_class_name(d->e, row), 60, names[0]),
                 shorten(eval_class_name(d->e, column), 60, names[1]), (long long)count,
                 (long long)d->row[row]);
        svg_open(&d->s, "title", NULL);
        svg_text(&d->s, says);
        svg_close(&d->s);
    }
    svg_close(&d->s);
    if (d->side <= MOST_NUMBERS)
        svg_label(&d->s, count < 10000 ? "fill ink middle" : "fill ink middle small",
                  x + (d->cell - gap) / 2, y + d->cell / 2 + 4, "%lld", (long long)count);
}

static void draw_names(drawing *d)
{
    char text[128];
    for (int k = 0; k < d->side; k++) {
        const double middle = (k + 0.5) * d->cell;
        const char *name = shorten(eval_class_name(d->e, k), 18, text);
        const char *classes = d->side <= MOST_NUMBERS ? "fill ink2 end" : "fill ink2 end small";
        char turn[96];
        svg_label(&d->s, classes, d->left - 6, d->top + middle + 4, "%s", name);
        snprintf(turn, sizeof turn, "translate(%.1f %.1f) rotate(-60)", d->left + middle + 3,
                 d->top - 6);
        svg_open(&d->s, "text", d->side <= MOST_NUMBERS ? "fill ink2" : "fill ink2 small");
        svg_word(&d->s, "transform", turn);
        svg_text(&d->s, name);
        svg_close(&d->s);
    }
}

static void draw_matrix(drawing *d)
{
    const double width = d->side * d->cell;
    svg_rect(&d->s, "fill sunken", d->left, d->top, width, width);
    for (int row = 0; row < d->side; row++)
        for (int column = 0; column < d->side; column++)
            draw_cell(d, row, column);
    if (d->together == 1 && d->side <= MOST_NAMES)
        draw_names(d);
}

static void draw_list(drawing *d, double x, double height)
{
    int64_t count;
    confusion *all = eval_confusions(d->e, &count);
    const int64_t fit = (int64_t)((height - d->top - MARGIN) / 34);
    svg_label(&d->s, "fill ink bold", x, d->top + 10,
              count ? "Most often taken for another" : "Nothing is taken for another");
    for (int64_t i = 0; i < count && i < MOST_LISTED && i < fit; i++) {
        char a[128], b[128];
        const double y = d->top + 34 + 34 * (double)i;
        const double share = (double)all[i].rows / (double)all[i].of;
        svg_label(&d->s, "fill ink", x, y, "%s \xE2\x86\x92 %s",
                  shorten(eval_class_name(d->e, all[i].label), 20, a),
                  shorten(eval_class_name(d->e, all[i].said), 20, b));
        svg_rect(&d->s, "fill sunken", x, y + 6, 180, 6);
        svg_rect(&d->s, "fill bad", x, y + 6, 180 * share, 6);
        svg_label(&d->s, "fill ink2 small", x + 190, y + 13, "%lld of %lld, %.1f %%",
                  (long long)all[i].rows, (long long)all[i].of, 100 * share);
    }
    free(all);
}

void eval_draw(const evaluation *e, FILE *to)
{
    drawing d = {.e = e};
    measure(&d);
    const double matrix = d.side * d.cell, x = d.left + matrix + 2 * MARGIN;
    double width = x + d.list + (d.list > 0 ? MARGIN : 0), height = d.top + matrix + MARGIN;
    width = fmax(width, 640);
    height = fmax(height, d.list > 0 ? d.top + 34 * 6 + MARGIN : 0);
    svg_begin(&d.s, to, width, height, "confusion matrix");
    draw_head(&d);
    draw_matrix(&d);
    if (d.list > 0)
        draw_list(&d, x, height);
    svg_end(&d.s);
    free(d.count);
    free(d.row);
}
