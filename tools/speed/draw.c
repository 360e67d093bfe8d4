/* The table as a picture: a bar a column, as long as it is fast. */
#include <math.h>
#include <string.h>

#include "../common/svg.h"
#include "speed.h"

enum { WIDTH = 760, LEFT = 170, RIGHT = 150, TOP = 84, BAR = 22, ROW = 38 };

static void draw_bar(svg *s, const column *c, int i, double most, const task *t)
{
    const double y = TOP + i * ROW, rate = (double)t->batch / c[i].median;
    const char *doubt = column_doubt(&c[i], &c[CPU]);
    svg_label(s, "fill ink end", LEFT - 10, y + BAR / 2.0 + 4, "%s", c[i].title);
    if (c[i].absent || *doubt) {
        svg_label(s, "fill ink3 small", LEFT, y + BAR / 2.0 + 4, "%s",
                  c[i].absent ? "absent" : doubt);
        return;
    }
    const double width = fmax(1, (WIDTH - LEFT - RIGHT) * rate / most);
    svg_rect(s, i == CPU ? "fill c1" : i == NO_CUDNN ? "fill c2" : "fill c0", LEFT, y, width, BAR);
    const double times = column_ratio(&c[i], &c[CPU]);
    if (times > 0 && i != CPU)
        svg_label(s, "fill ink", LEFT + width + 8, y + BAR / 2.0 + 4, "%.4g, %.3g times the CPU",
                  rate, times);
    else
        svg_label(s, "fill ink", LEFT + width + 8, y + BAR / 2.0 + 4, "%.4g", rate);
}

void columns_draw(const column *c, const task *t, const findings *unfair, FILE *to)
{
    svg s;
    char title[256];
    double most = 0;
    for (int i = 0; i < COLUMNS; i++)
        if (!c[i].absent)
            most = fmax(most, (double)t->batch / c[i].median);
    const double bottom = TOP + COLUMNS * ROW;
    snprintf(title, sizeof title, "images a second of %s", t->net->name);
    svg_begin(&s, to, WIDTH, bottom + 26 + 18 * (unfair->count > 0), title);
    svg_label(&s, "fill ink bold", 24, 30, "%s: images a second, training", t->net->name);
    svg_label(&s, "fill ink2", 24, 50, "batches of %lld, %lld x %lld, %lld classes; %lld rounds",
              (long long)t->batch, (long long)t->size, (long long)t->size, (long long)t->classes,
              (long long)t->rounds);
    for (int i = 0; i < COLUMNS; i++)
        draw_bar(&s, c, i, most, t);
    if (!c[CPU].absent)
        svg_label(&s, "fill ink3 small", 24, bottom + 8, "%.100s", c[CPU].description);
    if (unfair->count > 0)
        svg_label(&s, "fill warn small", 24, bottom + 26, "not fair: %.110s", unfair->at[0].text);
    svg_end(&s);
}
