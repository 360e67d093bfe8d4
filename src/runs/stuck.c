/*
 * A loss that stands still at ln(classes), which is what a net that tells nothing apart has: dead, or beaten flat by too high
 * a rate.
 *
 * Losses of `stuck` steps in a row are judged together, half against half; those of the first epoch are not. They are
 * stuck if all of these hold:
 *
 *     mean     |m - ln(classes)| <= 0.01 ln(classes)         0.007 of 2 classes, 0.069 of 1000
 *     level    m2 >= m1 - s, the second half is not lower     s: standard error of m2 - m1, from the losses themselves
 *              than the first by what chance may make it
 *
 * So a loss that falls is not, however near it is. One that stands still is found out in five of six such judgements, which
 * follow each other: an alarm that is late costs little, and a false one a run.
 */
#include <math.h>

#include "runs/guard.h"

static double variance_of_mean(const tn_run_half *h)
{
    const double n = (double)h->count, mean = h->sum / n;
    const double spread = h->squares / n - mean * mean;
    return n > 1 && spread > 0 ? spread / (n - 1) : 0;
}

static bool judge(const tn_run_half *a, const tn_run_half *b, double level)
{
    const double m1 = a->sum / (double)a->count, m2 = b->sum / (double)b->count;
    const double m = (a->sum + b->sum) / (double)(a->count + b->count);
    const double s = sqrt(variance_of_mean(a) + variance_of_mean(b));
    const double rounding = 1e-6 * level;
    return fabs(m - level) <= 0.01 * level && m2 >= m1 - s - rounding;
}

bool tn_run_is_stuck(tn_run_stuck *s, const tn_run_guard *g, int64_t epoch, double loss)
{
    if (g->stuck < 2 || g->classes < 2 || epoch == 0)
        return false;
    tn_run_half *h = &s->half[s->half[0].count >= g->stuck / 2];
    h->count++;
    h->sum += loss;
    h->squares += loss * loss;
    if (s->half[0].count + s->half[1].count < g->stuck)
        return false;
    const bool stuck = judge(&s->half[0], &s->half[1], log((double)g->classes));
    *s = (tn_run_stuck){0};
    return stuck;
}
