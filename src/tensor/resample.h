/*
 * Where the pixels of a resized image lie in the one that it is made of, in one direction: number p at (scale p + shift) /
 * by, whole numbers, so that every backend, and forward and backward, round alike.
 */
#ifndef TN_RESAMPLE_H
#define TN_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/shapes.h>

typedef struct tn_resample {
    int64_t in, out; /* pixels */
    int64_t scale, shift, by;
    bool nearest; /* the position rounded down, else between that and the next */
} tn_resample;

typedef struct tn_fraction {
    int64_t over, under;
} tn_fraction;

/* The simplest one that is `number` when it is rounded to float: its continued fraction, cut where that holds. */
static inline tn_fraction tn_fraction_of(float number)
{
    tn_fraction f = {1, 0}, before = {0, 1};
    double rest = (double)number;
    for (;;) {
        const int64_t whole = (int64_t)rest;
        const tn_fraction next = {whole * f.over + before.over, whole * f.under + before.under};
        before = f;
        f = next;
        const bool same = (float)((double)f.over / (double)f.under) == number;
        if (same || rest == (double)whole)
            return f;
        rest = 1 / (rest - (double)whole);
    }
}

static inline tn_fraction tn_fraction_reduce(tn_fraction f)
{
    int64_t a = f.over, b = f.under;
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return (tn_fraction){f.over / a, f.under / a};
}

/* Of direction 0, vertical, or 1, horizontal. Options are complete. `by` is even. */
static inline tn_resample tn_resample_of(int64_t in, int64_t out, const tn_resize_opts *o,
                                         int direction)
{
    const float scale = direction ? o->column_scale : o->row_scale;
    const tn_fraction s =
        scale > 0 ? tn_fraction_of(scale) : tn_fraction_reduce((tn_fraction){out, in});
    tn_resample r = {in, out, 2 * s.under, 0, 2 * s.over, o->kind == TN_RESIZE_NEAREST};
    if (o->place == TN_RESIZE_CORNERS) {
        r.scale = out > 1 ? 2 * (in - 1) : 0;
        r.by = out > 1 ? 2 * (out - 1) : 2;
    } else if (o->place != TN_RESIZE_EDGES) {
        r.shift = s.under - s.over;
    }
    if (o->place == TN_RESIZE_SYMMETRIC)
        r.shift += in * s.over - out * s.under;
    if (r.nearest && o->round == TN_RESIZE_CEIL)
        r.shift += r.by - 1;
    else if (r.nearest && o->round != TN_RESIZE_FLOOR)
        r.shift += r.by / 2 - (o->round == TN_RESIZE_HALF_DOWN);
    return r;
}

/* What pixel p is made of: (1 - share) low + share (low + 1). */
static inline int64_t tn_resample_low(const tn_resample *r, int64_t p, double *share)
{
    const int64_t at = r->scale * p + r->shift;
    const int64_t low = at < 0 ? 0 : at / r->by < r->in - 1 ? at / r->by : r->in - 1;
    *share = at < 0 || r->nearest || low == r->in - 1 ? 0 : (double)(at % r->by) / (double)r->by;
    return low;
}

/* The first that lies at i or behind it. */
static inline int64_t tn_resample_first(const tn_resample *r, int64_t i)
{
    const int64_t wanted = i * r->by - r->shift;
    if (wanted <= 0)
        return 0;
    const int64_t first = r->scale == 0 ? r->out : (wanted + r->scale - 1) / r->scale;
    return first < r->out ? first : r->out;
}

/* All that pixel i of x may be a part of: from *first to before *end. */
static inline void tn_resample_users(const tn_resample *r, int64_t i, int64_t *first, int64_t *end)
{
    *first = i == 0 ? 0 : tn_resample_first(r, i - 1);
    *end = i == r->in - 1 ? r->out : tn_resample_first(r, i + 1);
}

/* How much of pixel i of x is in pixel p. */
static inline double tn_resample_share(const tn_resample *r, int64_t i, int64_t p)
{
    double share;
    const int64_t low = tn_resample_low(r, p, &share);
    return i == low ? 1 - share : i == low + 1 ? share : 0;
}

#endif
