/*
 * Line charts as SVG, several in one picture. A curve is smoothed over all its points first and thinned then, to at most
 * its least and its largest value a pixel: no peak is lost, and what is seen does not depend on what else is drawn.
 */
#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/svg.h"

typedef struct curve {
    const char *name; /* in the legend; NULL: not in it */
    int colour;       /* c0 to c7 */
    bool dashed, faint;
    int64_t count;
    double *x, *y; /* the curve's own; x does not fall; not finite: a gap */
} curve;

/* A moment at which something was done. */
typedef struct chart_mark {
    double x;
    char text[48];
} chart_mark;

typedef struct chart {
    const char *title;
    const char *x_name; /* of the axis below */
    curve *curve;
    int num_curves;
    const chart_mark *mark;
    int num_marks;
    double x_low, x_high; /* what is drawn */
    bool log;             /* values up to 0 are gaps */
} chart;

/* ---- curve.c ----------------------------------------------------------------------------------- */

/* Ends the program if there is no memory; both give curves whose x and y curve_free() lets go of. */
curve curve_of(const int64_t *x, const double *y, int64_t count);
/* A mean that forgets: y = weight y' + (1 - weight) y, corrected for its beginning (Kingma and Ba 2015, section 3). */
curve curve_smooth(const curve *c, double weight);
void curve_free(curve *c);
/* Least and largest of what lies between x_low and x_high, but for a hundredth at each end if `inner`; false: nothing does. */
bool curve_range(const curve *c, double x_low, double x_high, bool inner, bool above_0, double *low,
                 double *high);
/* At most four points a pixel of `width`: where it comes in, least, largest, where it leaves. Of x and y in pixels already. */
int64_t curve_thin(int64_t count, double *x, double *y);

/* ---- chart.c ----------------------------------------------------------------------------------- */

/* Into a picture that is begun. */
void chart_draw(svg *s, const chart *c, double x, double y, double width, double height);

/* Round numbers from low to high, about `count` of them, into to[CHART_TICKS]; returns how many. */
enum { CHART_TICKS = 32 };
int chart_ticks(double low, double high, int count, double to[CHART_TICKS]);
int chart_log_ticks(double low, double high, double to[CHART_TICKS]);
/* "12k", "0.05", "1e-05" */
void chart_short(char text[32], double value);

/* About how wide a text is in the picture's own font, and as much of it as fits; in one of a few static buffers. */
double chart_text_width(const char *text);
const char *chart_fit(const char *text, double width);

#endif
