/* The loops of xent.h: along one line whose logits are beside each other, and across lines that are. */
#include <math.h>
#include <stdbool.h>

#include "backends/cpu/softmax/xent.h"
#include "backends/cpu/vector/isa.h"
#include "backends/cpu/vector/math.h"

/* Sums over a line. */
typedef struct sums {
    double exponentials,
        logits; /* both of logits less the largest; logits times the classes' weights */
    int64_t better;
} sums;

/* What the gradient is made of: p * share - even * classes, less `own` at the label. */
typedef struct factors {
    double share, even, own;
} factors;

static factors factors_of(const tn_xent_lines *l, int64_t i)
{
    const int32_t label = l->label[i];
    if (label < 0)
        return (factors){0, 0, 0};
    const double scale = l->scale * (l->rows ? (double)l->rows[i] : 1);
    const double own = (1 - l->smoothing) * (l->classes ? (double)l->classes[label] : 1);
    const double even = l->smoothing / (double)l->size;
    return (factors){scale * (own + even * l->all_classes), scale * even, scale * own};
}

/* `own`: the label's logit less the largest. */
static tn_xent_result result_of(const tn_xent_lines *l, int64_t i, const sums *s, double own)
{
    const int32_t label = l->label[i];
    if (label < 0)
        return (tn_xent_result){0, -1};
    const double log_sum = log(s->exponentials);
    double loss = (1 - l->smoothing) * (log_sum - own);
    if (l->classes)
        loss *= (double)l->classes[label];
    if (l->smoothing > 0) /* or 0 times an infinite logit would be NaN */
        loss += l->smoothing * (log_sum * l->all_classes - s->logits) / (double)l->size;
    return (tn_xent_result){loss, isnan(s->exponentials) ? l->size : s->better};
}

/* ---- one line ------------------------------------------------------------------------------- */

/* Classes that are not below the label: a NaN is not below anything. */
static int64_t count_better(const float *x, int64_t size, int32_t label)
{
    const float own = x[label];
    int32_t better = 0;
#pragma omp simd reduction(+ : better)
    for (int64_t k = 0; k < size; k++)
        better += x[k] < own ? 0 : 1;
    for (int64_t k = label; k < size; k++) /* equal ones behind it, and itself */
        better -= x[k] == own;
    return better;
}

static double sum_logits(const float *x, int64_t size, float max, const float *classes)
{
    double sum = 0;
    if (classes) {
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++)
            sum += (double)classes[k] * ((double)x[k] - (double)max);
    } else {
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++)
            sum += (double)x[k] - (double)max;
    }
    return sum;
}

static void one_line(const tn_xent_lines *l)
{
    const float *x = l->x;
    float *dx = l->dx, max = x[0];
    const int32_t label = l->label[0];
    const int64_t size = l->size;
    const factors f = factors_of(l, 0);
    sums s = {0, 0, 0};
    if (label < 0) {
        l->result[0] = (tn_xent_result){0, -1};
        for (int64_t k = 0; dx && k < size; k++)
            dx[k] = 0;
        return;
    }
#pragma omp simd reduction(max : max)
    for (int64_t k = 0; k < size; k++)
        max = x[k] > max ? x[k] : max;
    double sum = 0;
    if (dx) {
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++) {
            dx[k] = tn_exp_of(x[k] - max);
            sum += (double)dx[k];
        }
    } else {
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++)
            sum += (double)tn_exp_of(x[k] - max);
    }
    s.exponentials = sum;
    s.better = count_better(x, size, label);
    if (l->smoothing > 0)
        s.logits = sum_logits(x, size, max, l->classes);
    l->result[0] = result_of(l, 0, &s, (double)x[label] - (double)max);
    if (!dx)
        return;
    const double share = f.share / sum, even = f.even;
    const float *classes = l->classes;
    const float own =
        (float)((double)dx[label] * share - f.own - even * (classes ? (double)classes[label] : 1));
    if (classes) {
#pragma omp simd
        for (int64_t k = 0; k < size; k++)
            dx[k] = (float)((double)dx[k] * share - even * (double)classes[k]);
    } else {
#pragma omp simd
        for (int64_t k = 0; k < size; k++)
            dx[k] = (float)((double)dx[k] * share - even);
    }
    dx[label] = own; /* rounded once */
}

/* ---- lines beside each other ---------------------------------------------------------------- */

typedef struct tile {
    float max[TN_XENT_WIDE], own[TN_XENT_WIDE], exponential[TN_XENT_WIDE]; /* of one class */
    int32_t label[TN_XENT_WIDE], better[TN_XENT_WIDE];
    double exponentials[TN_XENT_WIDE], logits[TN_XENT_WIDE];
    double share[TN_XENT_WIDE], even[TN_XENT_WIDE], own_share[TN_XENT_WIDE];
} tile;

/* A label that is left out is looked at as one of class 0. */
static void begin(const tn_xent_lines *l, tile *t)
{
    for (int64_t i = 0; i < l->lines; i++) {
        t->label[i] = l->label[i] < 0 ? 0 : l->label[i];
        t->own[i] = l->x[t->label[i] * l->inner + i];
        t->max[i] = l->x[i];
        t->better[i] = 0;
        t->exponentials[i] = t->logits[i] = 0;
    }
    for (int64_t k = 1; k < l->size; k++) {
        const float *x = l->x + k * l->inner;
#pragma omp simd
        for (int64_t i = 0; i < l->lines; i++)
            t->max[i] = x[i] > t->max[i] ? x[i] : t->max[i];
    }
}

static void sum_up(const tn_xent_lines *l, tile *t)
{
    for (int32_t k = 0; k < (int32_t)l->size; k++) {
        const float *x = l->x + k * l->inner;
        float *e = l->dx ? l->dx + k * l->inner : t->exponential;
        const double weight = l->classes ? (double)l->classes[k] : 1;
#pragma omp simd
        for (int64_t i = 0; i < l->lines; i++) {
            e[i] = tn_exp_of(x[i] - t->max[i]);
            t->exponentials[i] += (double)e[i];
        }
#pragma omp simd
        for (int64_t i = 0; i < l->lines; i++) {
            const int32_t below = x[i] < t->own[i], same = x[i] == t->own[i];
            t->better[i] += 1 - (below | (same & (k >= t->label[i])));
        }
        if (l->smoothing > 0) {
#pragma omp simd
            for (int64_t i = 0; i < l->lines; i++)
                t->logits[i] += weight * ((double)x[i] - (double)t->max[i]);
        }
    }
}

/* From the exponentials, which are there. */
static void write_dx(const tn_xent_lines *l, tile *t)
{
    for (int64_t i = 0; i < l->lines; i++) {
        const factors f = factors_of(l, i);
        t->share[i] = l->label[i] < 0 ? 0 : f.share / t->exponentials[i];
        t->even[i] = f.even;
        t->own_share[i] = f.own;
    }
    for (int32_t k = 0; k < (int32_t)l->size; k++) {
        float *dx = l->dx + k * l->inner;
        const double weight = l->classes ? (double)l->classes[k] : 1;
#pragma omp simd
        for (int64_t i = 0; i < l->lines; i++) {
            const double own = k == t->label[i] ? t->own_share[i] : 0;
            dx[i] = (float)((double)dx[i] * t->share[i] - t->even[i] * weight - own);
        }
    }
    for (int64_t i = 0; i < l->lines; i++) /* also where a logit is none */
        for (int64_t k = 0; l->label[i] < 0 && k < l->size; k++)
            l->dx[k * l->inner + i] = 0;
}

static void lines_beside(const tn_xent_lines *l)
{
    tile t;
    begin(l, &t);
    sum_up(l, &t);
    for (int64_t i = 0; i < l->lines; i++)
        l->result[i] = result_of(l, i, &(sums){t.exponentials[i], t.logits[i], t.better[i]},
                                 (double)t.own[i] - (double)t.max[i]);
    if (l->dx)
        write_dx(l, &t);
}

void TN_OF_ISA(tn_xent)(const tn_xent_lines *l)
{
    if (l->inner == 1)
        one_line(l);
    else
        lines_beside(l);
}
