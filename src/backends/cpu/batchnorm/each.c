#include "backends/cpu/batchnorm/parts.h"

enum {
    RUN = 256
}; /* pixels at a time, small enough for the first cache; sums of so many are f32 (code.c) */

/* From pixel i on. */
static tn_bn_tile run_at(const tn_bn_tile *t, int64_t i)
{
    tn_bn_tile r = *t;
    r.pixels = tn_cpu_lower(RUN, t->pixels - i);
    return r;
}

static void each(const tn_bn *k, const tn_bn_tile *t, tn_unary_loop *loop, const float *from,
                 const float *dy, float *to)
{
    const bool whole = t->step == t->width;
    const int64_t count = whole ? t->pixels * t->width : t->width;
    for (int64_t i = 0; i < (whole ? 1 : t->pixels); i++)
        loop(&(tn_unary_run){.count = count,
                             .from = from + i * t->step,
                             .dy = dy ? dy + i * t->step : NULL,
                             .to = to + i * t->step,
                             .k = {k->number[0], k->number[1], k->number[2]}});
}

void tn_bn_apply_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                      float *y)
{
    for (int64_t i = 0; i < t->pixels; i += RUN) {
        const tn_bn_tile r = run_at(t, i);
        float *to = y + i * t->step;
        k->code->apply(&r, of, x ? x + i * t->step : NULL, NULL, to, NULL);
        each(k, &r, k->each->y, to, NULL, to);
    }
}

/* The gradient of what batchnorm alone makes, which is made of x once more. `to` may be dy. */
static void find_gradient(const tn_bn *k, const tn_bn_tile *r, const tn_bn_lanes *of,
                          const float *x, const float *dy, float *to)
{
    float v[RUN * TN_MOST_LANES];
    k->code->apply(r, of, x, NULL, v, NULL);
    if (k->each->reads_y)
        each(k, r, k->each->y, v, NULL, v);
    each(k, r, k->each->dx, v, dy, to);
}

void tn_bn_sum_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                    const float *dy, float *dx, tn_bn_sums *sums)
{
    float own[RUN * TN_MOST_LANES];
    for (int64_t i = 0; i < t->pixels; i += RUN) {
        const tn_bn_tile r = run_at(t, i);
        float *g = dx ? dx + i * t->step : own;
        find_gradient(k, &r, of, x + i * t->step, dy + i * t->step, g);
        k->code->sum(&r, of, x + i * t->step, g, NULL, sums);
    }
}

void tn_bn_back_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                     const float *dy, float *dx)
{
    float own[RUN * TN_MOST_LANES];
    const bool found = k->even != NULL; /* by the sums */
    for (int64_t i = 0; i < t->pixels; i += RUN) {
        const tn_bn_tile r = run_at(t, i);
        float *g = found ? dx + i * t->step : own;
        if (!found)
            find_gradient(k, &r, of, x + i * t->step, dy + i * t->step, g);
        k->code->back(&r, of, x + i * t->step, g, NULL, dx + i * t->step, NULL);
    }
}
