#include "lab_answers.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

/* Differences are taken in double: 1e-5 leaves them 10 digits, and is far below what `apart` keeps. */
static const double step = 1e-5;
enum { SAMPLES = 48 }; /* elements of a tensor whose gradient is taken by differences */

void *lab_take(int64_t count, size_t size)
{
    void *p = calloc((size_t)count, size);
    if (!p)
        fail_msg("no memory for %lld elements", (long long)count);
    return p;
}

/* A random order of 0 ... count - 1, as doubles. */
static void shuffle(double *v, int64_t count, tn_random *r)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = (int64_t)tn_random_below(r, (uint64_t)i + 1);
        v[i] = v[j];
        v[j] = (double)i;
    }
}

static double round_to_8_bits(double x)
{
    int exponent;
    const double fraction = frexp(x, &exponent);
    return ldexp(rint(ldexp(fraction, 8)), exponent - 8);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool lab_is_apart(const lab_numbers *n)
{
    bool apart = true;
    double *sorted = lab_take(n->count, sizeof *sorted);
    memcpy(sorted, n->value, (size_t)n->count * sizeof *sorted);
    qsort(sorted, (size_t)n->count, sizeof *sorted, compare);
    for (int64_t i = 0; i < n->count && apart; i++)
        apart = sorted[i] != 0 && (i == 0 || sorted[i] != sorted[i - 1]);
    free(sorted);
    return apart;
}

void lab_fill(lab_numbers *n, const lab_tensor *t, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    const bool given = t->low != 0 || t->high != 0;
    const double low = given ? t->low : -1, high = given ? t->high : 1;
    *n = (lab_numbers){.dtype = t->dtype, .shape = t->shape, .has_gradient = t->dtype == TN_F32};
    assert_ok(tn_shape_count(&t->shape, &n->count));
    n->value = lab_take(n->count, sizeof *n->value);
    if (t->apart)
        shuffle(n->value, n->count, &r);
    for (int64_t i = 0; i < n->count; i++) {
        /* A quarter of a place off, so that none is 0 where the middle of the range is. */
        const double part = t->apart ? (n->value[i] + 0.25) / (double)n->count : tn_random_real(&r);
        if (t->dtype == TN_F32 && t->coarse)
            n->value[i] = round_to_8_bits(low + (high - low) * part);
        else if (t->dtype == TN_F32)
            n->value[i] = (double)(float)(low + (high - low) * part);
        else
            n->value[i] = floor(low + (high - low + 1) * part);
    }
}

/* The elements whose gradient is compared: all of a small tensor. */
static void choose_samples(lab_numbers *n, bool all, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    if (!n->has_gradient)
        return;
    n->samples = all || n->count < SAMPLES ? n->count : SAMPLES;
    n->at = lab_take(n->samples, sizeof *n->at);
    n->gradient = lab_take(n->samples, sizeof *n->gradient);
    for (int64_t i = 0; i < n->samples; i++)
        n->at[i] = n->samples == n->count ? i : (int64_t)tn_random_below(&r, (uint64_t)n->count);
}

static void drop(lab_numbers *n)
{
    free(n->value);
    free(n->at);
    free(n->gradient);
}

static lab_ref ref_of(const lab_answers *a, bool training, double *y)
{
    lab_ref r = {
        .opts = a->c->opts,
        .training = training,
        .num_x = a->num_x,
        .y_shape = a->y.shape,
        .y = y,
    };
    for (int i = 0; i < a->num_x; i++) {
        r.x_shape[i] = a->x[i].shape;
        r.x[i] = a->x[i].value;
    }
    for (int i = 0; i < LAB_MAX_W; i++) {
        r.w_shape[i] = a->w[i].shape;
        r.w[i] = a->w[i].value;
    }
    return r;
}

/* By differences. The loss is not taken twice and subtracted, which would lose digits, but
 * (above - t)^2 - (below - t)^2 = (above - below) (above + below - 2 t). */
static void differentiate(const lab_answers *a, lab_numbers *n)
{
    double *above = lab_take(a->y.count, sizeof *above),
           *below = lab_take(a->y.count, sizeof *below);
    for (int64_t s = 0; s < n->samples; s++) {
        double *v = &n->value[n->at[s]];
        const double before = *v;
        *v = before + step;
        lab_ref r = ref_of(a, true, above);
        a->op->reference(&r);
        *v = before - step;
        r.y = below;
        a->op->reference(&r);
        *v = before;
        double rise = 0;
        for (int64_t i = 0; i < a->y.count; i++)
            rise += (above[i] - below[i]) *
                    (a->op->loss ? 1 : (above[i] + below[i] - 2 * a->target.value[i]));
        n->gradient[s] = rise / (double)a->y.count / (2 * step);
    }
    free(above);
    free(below);
}

/* By the reference's own formula. */
static void derive(lab_answers *a)
{
    lab_ref r = ref_of(a, true, a->y.value);
    double *dy = lab_take(a->y.count, sizeof *dy);
    for (int64_t i = 0; i < a->y.count; i++)
        dy[i] = a->op->loss ? 1 : 2 * (a->y.value[i] - a->target.value[i]) / (double)a->y.count;
    r.dy = dy;
    for (int i = 0; i < LAB_MAX_X; i++)
        r.dx[i] = a->x[i].gradient;
    for (int i = 0; i < LAB_MAX_W; i++)
        r.dw[i] = a->w[i].gradient;
    a->op->backward(&r);
    free(dy);
}

void lab_find_answers(lab_answers *a)
{
    lab_ref r = ref_of(a, true, a->y.value);
    a->op->reference(&r);
    r = ref_of(a, false, a->evaluated.value);
    a->op->reference(&r);
    for (int64_t i = 0; i < a->y.count; i++) {
        const double off = a->y.value[i] - a->target.value[i];
        a->loss += a->op->loss ? a->y.value[i] : off * off / (double)a->y.count;
    }
    for (int i = 0; i < LAB_MAX_X; i++)
        choose_samples(&a->x[i], a->c->big, 100 + (uint64_t)i);
    for (int i = 0; i < LAB_MAX_W; i++)
        choose_samples(&a->w[i], a->c->big, 200 + (uint64_t)i);
    if (a->c->big) {
        derive(a);
        return;
    }
    for (int i = 0; i < LAB_MAX_X; i++)
        differentiate(a, &a->x[i]);
    for (int i = 0; i < LAB_MAX_W; i++)
        differentiate(a, &a->w[i]);
}

void lab_drop_answers(lab_answers *a)
{
    for (int i = 0; i < LAB_MAX_X; i++)
        drop(&a->x[i]);
    for (int i = 0; i < LAB_MAX_W; i++)
        drop(&a->w[i]);
    drop(&a->y);
    drop(&a->evaluated);
    drop(&a->target);
}
