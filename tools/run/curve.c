#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "chart.h"

static double *numbers(int64_t count)
{
    double *p = malloc(((size_t)count + 1) * sizeof *p);
    if (!p)
        run_fail("no memory for a curve of %lld points", (long long)count);
    return p;
}

curve curve_of(const int64_t *x, const double *y, int64_t count)
{
    curve c = {.count = count, .x = numbers(count), .y = numbers(count)};
    for (int64_t i = 0; i < count; i++) {
        c.x[i] = (double)x[i];
        c.y[i] = y[i];
    }
    return c;
}

curve curve_smooth(const curve *c, double weight)
{
    curve out = *c;
    double mean = 0, have = 0;
    out.x = numbers(c->count);
    out.y = numbers(c->count);
    for (int64_t i = 0; i < c->count; i++) {
        out.x[i] = c->x[i];
        out.y[i] = (double)NAN;
        if (!isfinite(c->y[i]))
            continue;
        mean = weight * mean + (1 - weight) * c->y[i];
        have = weight * have + (1 - weight);
        out.y[i] = mean / have;
    }
    return out;
}

void curve_free(curve *c)
{
    free(c->x);
    free(c->y);
    *c = (curve){0};
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool curve_range(const curve *c, double x_low, double x_high, bool inner, bool above_0, double *low,
                 double *high)
{
    double *y = numbers(c->count);
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (isfinite(c->y[i]) && c->x[i] >= x_low && c->x[i] <= x_high && (!above_0 || c->y[i] > 0))
            y[count++] = c->y[i];
    if (count > 0) {
        const int64_t out = inner ? count / 100 : 0;
        qsort(y, (size_t)count, sizeof *y, by_value);
        *low = y[out];
        *high = y[count - 1 - out];
    }
    free(y);
    return count > 0;
}

/* One pixel's points, which are those from begin to end, to the place `to`. */
static int64_t keep(int64_t to, int64_t begin, int64_t end, double *x, double *y)
{
    int64_t low = begin, high = begin;
    for (int64_t i = begin; i < end; i++) {
        low = y[i] < y[low] ? i : low;
        high = y[i] > y[high] ? i : high;
    }
    const int64_t picked[4] = {begin, low < high ? low : high, low < high ? high : low, end - 1};
    double px[4], py[4];
    int count = 0;
    for (int k = 0; k < 4; k++)
        if (k == 0 || picked[k] > picked[k - 1]) {
            px[count] = x[picked[k]];
            py[count++] = y[picked[k]];
        }
    memcpy(x + to, px, (size_t)count * sizeof *px);
    memcpy(y + to, py, (size_t)count * sizeof *py);
    return to + count;
}

int64_t curve_thin(int64_t count, double *x, double *y)
{
    int64_t kept = 0;
    for (int64_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        if (!isfinite(y[begin])) { /* a gap stays one */
            x[kept] = x[begin];
            y[kept++] = y[begin];
            continue;
        }
        while (end < count && isfinite(y[end]) && floor(x[end]) == floor(x[begin]))
            end++;
        kept = keep(kept, begin, end, x, y);
    }
    return kept;
}
