/*
 * Reductions along a route. Its dimensions are of two kinds: those that are kept, and those along which `to` stays where it is.
 * If elements that lie together meet, a thread makes one element of `to` from rows; if not, a row of them, LANES at a
 * time, from columns.
 */
#include <math.h>

#include "backends/cpu/move/move.h"

enum { LANES = 64 };

typedef struct axes {
    int count;
    int64_t dim[TN_MAX_DIMS], to[TN_MAX_DIMS], from[TN_MAX_DIMS];
    int64_t all; /* product */
} axes;

typedef struct plan {
    axes kept, met; /* without the innermost */
    int64_t length; /* innermost: of rows those that meet, else those that are kept */
    bool rows;
    int64_t to, from; /* along it */
} plan;

static void put(axes *a, const tn_route *w, int i)
{
    a->dim[a->count] = w->dim[i];
    a->to[a->count] = w->to[i];
    a->from[a->count++] = w->from[i];
    a->all *= w->dim[i];
}

static plan plan_of(const tn_route *given)
{
    tn_route w = *given;
    plan p = {.kept.all = 1, .met.all = 1};
    tn_route_merge(&w);
    int inner = 0;
    for (int i = 1; i < w.ndim; i++)
        if (w.from[i] <= w.from[inner])
            inner = i;
    p.rows = w.to[inner] == 0;
    p.length = w.dim[inner];
    p.to = w.to[inner];
    p.from = w.from[inner];
    for (int i = 0; i < w.ndim; i++)
        if (i != inner)
            put(w.to[i] == 0 ? &p.met : &p.kept, &w, i);
    return p;
}

static int64_t place(const axes *a, const int64_t *stride, int64_t i)
{
    int64_t at = 0;
    for (int d = a->count - 1; d >= 0; d--) {
        at += i % a->dim[d] * stride[d];
        i /= a->dim[d];
    }
    return at;
}

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static double start(const tn_cpu_reduction *r)
{
    return r->meet == TN_CPU_MAX ? -INFINITY : r->meet == TN_CPU_MIN ? INFINITY : 0;
}

static float end(const tn_cpu_reduction *r, double sum)
{
    return (float)(r->meet == TN_CPU_SUM ? sum * r->scale : sum);
}

/* One is NaN: it is what is left. */
static double larger(double a, double b)
{
    return b > a || isnan(b) ? b : a;
}

static double smaller(double a, double b)
{
    return b < a || isnan(b) ? b : a;
}

static double reduce_row(const tn_cpu_reduction *r, const float *x, int64_t length, int64_t step,
                         float of, double sum)
{
    switch (r->meet) {
    case TN_CPU_SUM:
        if (step == 1) {
            double part = 0;
#pragma omp simd reduction(+ : part)
            for (int64_t i = 0; i < length; i++)
                part += (double)x[i];
            return sum + part;
        }
        for (int64_t i = 0; i < length; i++)
            sum += (double)x[i * step];
        return sum;
    case TN_CPU_MAX:
        for (int64_t i = 0; i < length; i++)
            sum = larger(sum, (double)x[i * step]);
        return sum;
    case TN_CPU_MIN:
        for (int64_t i = 0; i < length; i++)
            sum = smaller(sum, (double)x[i * step]);
        return sum;
    default:
        for (int64_t i = 0; i < length; i++)
            sum += same(x[i * step], of);
        return sum;
    }
}

static void add_rows(const tn_cpu_reduction *r, const float *x, int64_t length, int64_t step,
                     const float *of, int64_t of_step, double sum[LANES])
{
    switch (r->meet) {
    case TN_CPU_SUM:
        for (int64_t i = 0; i < length; i++)
            sum[i] += (double)x[i * step];
        break;
    case TN_CPU_MAX:
        for (int64_t i = 0; i < length; i++)
            sum[i] = larger(sum[i], (double)x[i * step]);
        break;
    case TN_CPU_MIN:
        for (int64_t i = 0; i < length; i++)
            sum[i] = smaller(sum[i], (double)x[i * step]);
        break;
    default:
        for (int64_t i = 0; i < length; i++)
            sum[i] += same(x[i * step], of[i * of_step]);
    }
}

typedef struct job {
    plan p;
    const tn_cpu_reduction *r;
    float *to;
    const float *from;
} job;

static void by_rows(const void *of, tn_piece all)
{
    const job *j = of;
    const plan *p = &j->p;
    const tn_cpu_reduction *r = j->r;
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t t = place(&p->kept, p->kept.to, i), f = place(&p->kept, p->kept.from, i);
        const float one = r->of ? r->of[t] : 0;
        double sum = start(r);
        for (int64_t k = 0; k < p->met.all; k++)
            sum = reduce_row(r, j->from + f + place(&p->met, p->met.from, k), p->length, p->from,
                             one, sum);
        j->to[t] = end(r, sum);
    }
}

static int64_t parts_of(const plan *p)
{
    return (p->length + LANES - 1) / LANES;
}

static void by_columns(const void *of, tn_piece all)
{
    const job *k = of;
    const plan *p = &k->p;
    const tn_cpu_reduction *r = k->r;
    const int64_t parts = parts_of(p);
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t first = i % parts * LANES, length = tn_cpu_lower(LANES, p->length - first);
        const int64_t t = place(&p->kept, p->kept.to, i / parts) + first * p->to;
        const int64_t f = place(&p->kept, p->kept.from, i / parts) + first * p->from;
        double sum[LANES];
        for (int64_t j = 0; j < length; j++)
            sum[j] = start(r);
        for (int64_t m = 0; m < p->met.all; m++)
            add_rows(r, k->from + f + place(&p->met, p->met.from, m), length, p->from,
                     r->of ? r->of + t : NULL, p->to, sum);
        for (int64_t j = 0; j < length; j++)
            k->to[t + j * p->to] = end(r, sum[j]);
    }
}

void tn_cpu_reduce_along(const tn_backend_device *d, const tn_route *w, const tn_cpu_reduction *r,
                         float *to, const float *from)
{
    const job j = {plan_of(w), r, to + w->to_at, from + w->from_at};
    const plan *p = &j.p;
    if (p->rows)
        tn_each(d, p->kept.all, 1 + TN_FLOATS / (p->met.all * p->length + 1), by_rows, &j);
    else
        tn_each(d, p->kept.all * parts_of(p), 1 + TN_FLOATS / LANES / (p->met.all + 1), by_columns,
                &j);
}
