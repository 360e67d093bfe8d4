/*
 * Where the pixels of a resized image lie in the one that it is made of, in one direction: number p at (scale p + shift) /
 * by, whole numbers, so that every backend, and forward and backward, round alike.
 */
#ifndef TN_RESAMPLE_H
#define TN_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tn_resample {
    int64_t in, out; /* pixels */
    int64_t scale, shift, by;
    bool nearest; /* the position rounded down, else between that and the next */
} tn_resample;

static inline tn_resample tn_resample_of(int64_t in, int64_t out, bool nearest, bool align_corners)
{
    tn_resample r = {in, out, 2 * in, nearest ? in : in - out, 2 * out, nearest};
    if (align_corners)
        r = (tn_resample){in, out, out > 1 ? in - 1 : 0, 0, out > 1 ? out - 1 : 1, nearest};
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
