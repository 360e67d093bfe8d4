/*
 * The rows of pool/pool2d.h for vectors of LANES floats, PARTS of them a block of channels. A row is gone through once for each part: compilers compare vectors
 * that are wider than the processor's element by element, so a block is not one such.
 *
 * Windows of 2 x 2 and 3 x 3 taps that lie in the image have loops of a length that the compiler knows, so
 * that it unrolls them and keeps the taps' numbers as constants. All others, at the border or of another
 * size, take the same functions with lengths found at run time.
 */
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define PARTS 1
#elif defined TN_ISA_AVX2
#define LANES 8
#define PARTS 1
#else
#define LANES 4 /* oneDNN blocks by 8 there: halved */
#define PARTS 2
#endif

#include <string.h>

#include "backends/cpu/pool/pool2d.h"
#include "backends/cpu/pool/taps.h"

enum { BLOCK = LANES * PARTS };

/* What window number i of one direction covers. */
typedef struct span {
    int64_t first;      /* its first tap; may be in the padding */
    int64_t step;       /* from tap to tap */
    int64_t begin, end; /* its taps in the image, counted from that */
    int64_t count;      /* what a mean is divided by */
} span;

/* Taps, `step` apart, that begin before the end of so many pixels. */
INLINE int64_t taps_before(int64_t pixels, int64_t step)
{
    return step == 1 || pixels <= 0 ? pixels : (pixels + step - 1) / step;
}

INLINE span span_of(const tn_pool *p, int direction, int64_t i)
{
    const int64_t kernel = p->kernel[direction], step = p->dilation[direction];
    const int64_t first = i * p->stride[direction] - p->pad[direction],
                  left = taps_before(p->in[direction] - first, step);
    span s = {.first = first,
              .step = step,
              .begin = first < 0 ? taps_before(-first, step) : 0,
              .end = kernel < left ? kernel : left};
    const int64_t padded = taps_before(p->in[direction] - first + p->after[direction], step);
    s.count = !p->counts_pad ? s.end - s.begin : kernel < padded ? kernel : padded;
    return s;
}

/* The same of a window of `kernel` taps, all of them in the image. */
INLINE span whole_span(const tn_pool *p, int direction, int64_t i, int kernel)
{
    return (span){.first = i * p->stride[direction] - p->pad[direction],
                  .step = 1,
                  .end = kernel,
                  .count = kernel};
}

INLINE bool is_whole(const tn_pool *p, int direction, int64_t i)
{
    return i >= p->whole[direction][0] && i < p->whole[direction][1];
}

/* ---- forward ------------------------------------------------------------------------------ */

typedef struct row {
    const float *x; /* a plane */
    float *y;
    void *taps; /* NULL: not asked for */
} row;

/* One window of x and one pixel of y; `width`: S. */
typedef void window(const tn_pool *p, const row *r, int64_t q, const span *rows,
                    const span *columns, int64_t width, int tap_bytes);

/* Where tap (r, s) lies. */
INLINE int64_t pixel_of(const tn_pool *p, const span *rows, const span *columns, int64_t r,
                        int64_t s)
{
    return (rows->first + r * rows->step) * p->in[1] + columns->first + s * columns->step;
}

INLINE void largest(const tn_pool *p, const row *to, int64_t q, const span *rows,
                    const span *columns, int64_t width, int tap_bytes)
{
    vec best = {0};
    mask tap = {0};
    for (int64_t r = rows->begin; r < rows->end; r++)
        for (int64_t s = columns->begin; s < columns->end; s++) {
            const int64_t pixel = pixel_of(p, rows, columns, r, s);
            const bool is_first = r == rows->begin && s == columns->begin;
            keep_larger(load(to->x + pixel * BLOCK), (int32_t)(r * width + s), is_first, &best,
                        &tap);
        }
    if (p->relu)
        cut_largest(&best, &tap);
    store(to->y + q * BLOCK, best);
    if (tap_bytes)
        save_taps(to->taps, q * BLOCK, tap, tap_bytes);
}

INLINE void mean(const tn_pool *p, const row *to, int64_t q, const span *rows, const span *columns,
                 int64_t width, int tap_bytes)
{
    (void)width, (void)tap_bytes;
    vec sum = {0};
    for (int64_t r = rows->begin; r < rows->end; r++)
        for (int64_t s = columns->begin; s < columns->end; s++)
            sum += load(to->x + pixel_of(p, rows, columns, r, s) * BLOCK);
    store(to->y + q * BLOCK, sum / (float)(rows->count * columns->count));
}

/* kernel: R = S if the compiler shall know it, else 0. */
INLINE void pool_row(const tn_pool *p, const row *to, int64_t number, window *pool, int kernel,
                     int tap_bytes)
{
    const span rows = span_of(p, 0, number), all_rows = whole_span(p, 0, number, kernel);
    const bool whole = kernel > 0 && is_whole(p, 0, number);
    for (int64_t q = 0; q < p->out[1]; q++) {
        if (whole && is_whole(p, 1, q)) {
            const span columns = whole_span(p, 1, q, kernel);
            pool(p, to, q, &all_rows, &columns, kernel, tap_bytes);
        } else {
            const span columns = span_of(p, 1, q);
            pool(p, to, q, &rows, &columns, p->kernel[1], tap_bytes);
        }
    }
}

/* The square windows that the compiler knows; 0: others. */
INLINE int known_kernel(const tn_pool *p)
{
    const bool square = p->kernel[0] == p->kernel[1] && p->kernel[1] <= 3;
    return square && p->dilation[0] == 1 && p->dilation[1] == 1 ? (int)p->kernel[1] : 0;
}

INLINE void forward_part(const tn_pool *p, const float *x, int64_t number, float *y, void *taps)
{
    const row to = {x, y, taps};
    const int kernel = known_kernel(p), tap_bytes = taps ? p->tap_bytes : 0;
    if (!p->max && kernel == 2)
        pool_row(p, &to, number, mean, 2, 0);
    else if (!p->max && kernel == 3)
        pool_row(p, &to, number, mean, 3, 0);
    else if (!p->max)
        pool_row(p, &to, number, mean, 0, 0);
    else if (kernel == 2 && tap_bytes)
        pool_row(p, &to, number, largest, 2, 1);
    else if (kernel == 3 && tap_bytes)
        pool_row(p, &to, number, largest, 3, 1);
    else if (kernel == 2)
        pool_row(p, &to, number, largest, 2, 0);
    else if (kernel == 3)
        pool_row(p, &to, number, largest, 3, 0);
    else
        pool_row(p, &to, number, largest, 0, tap_bytes);
}

static void forward(const tn_pool *p, const float *x, int64_t number, float *y, void *taps)
{
    for (int at = 0; at < BLOCK; at += LANES)
        forward_part(p, x + at, number, y + at, taps ? (char *)taps + at * p->tap_bytes : NULL);
}

/* ---- backward ----------------------------------------------------------------------------- */

/* What a window gives to its taps in one row of dx. */
typedef struct gift {
    vec dy;   /* of a mean: its share */
    mask tap; /* of MAX */
} gift;

/* To the columns' taps in the row, the first of which has number `tap`. */
INLINE void give(const gift *g, float *dx, const span *columns, int64_t tap, bool max, bool alone)
{
    for (int64_t s = columns->begin; s < columns->end; s++) {
        float *to = dx + (columns->first + s * columns->step) * BLOCK;
        const mask here = (mask){0} + (int32_t)(tap + s);
        const vec part = max ? (vec)((mask)g->dy & (g->tap == here)) : g->dy;
        store(to, alone ? part : load(to) + part);
    }
}

/* The windows that cover row i of x: begin to end - 1. */
typedef struct windows {
    int64_t begin, end;
} windows;

INLINE windows windows_over(const tn_pool *p, int64_t i)
{
    const int64_t last = (i + p->pad[0]) / p->stride[0], before = i + p->pad[0] - p->reach[0];
    return (windows){.begin = before < 0 ? 0 : before / p->stride[0] + 1,
                     .end = last < p->out[0] ? last + 1 : p->out[0]};
}

/* kernel: S if the compiler shall know it, else 0. alone: no other window writes there, so nothing has to
 * be added. */
INLINE void unpool_row(const tn_pool *p, const float *dy, const void *taps, int64_t number,
                       float *dx, bool max, int kernel, int tap_bytes, bool alone)
{
    const windows over = windows_over(p, number);
    for (int64_t i = over.begin; i < over.end; i++) {
        const span rows = span_of(p, 0, i);
        if (rows.step > 1 && (number - rows.first) % rows.step)
            continue;
        const int64_t r = rows.step > 1 ? (number - rows.first) / rows.step : number - rows.first;
        for (int64_t q = 0; q < p->out[1]; q++) {
            const int64_t at = (i * p->out[1] + q) * BLOCK;
            const bool whole = kernel > 0 && is_whole(p, 1, q);
            const span columns = whole ? whole_span(p, 1, q, kernel) : span_of(p, 1, q);
            gift g = {.dy = load(dy + at)};
            if (max)
                g.tap = saved_taps(taps, at, tap_bytes);
            else
                g.dy *= 1.0f / (float)(rows.count * columns.count);
            if (whole)
                give(&g, dx, &columns, r * kernel, max, alone);
            else
                give(&g, dx, &columns, r * p->kernel[1], max, alone);
        }
    }
}

INLINE void backward_part(const tn_pool *p, const float *dy, const void *taps, int64_t number,
                          float *dx)
{
    const int kernel = known_kernel(p);
    const bool alone = p->covered > 0;
    if (!p->max && kernel == 2 && alone)
        unpool_row(p, dy, taps, number, dx, false, 2, 0, true);
    else if (!p->max)
        unpool_row(p, dy, taps, number, dx, false, 0, 0, alone);
    else if (kernel == 2 && alone)
        unpool_row(p, dy, taps, number, dx, true, 2, 1, true);
    else if (kernel == 3 && !alone)
        unpool_row(p, dy, taps, number, dx, true, 3, 1, false);
    else
        unpool_row(p, dy, taps, number, dx, true, 0, p->tap_bytes, alone);
}

static void backward(const tn_pool *p, const float *dy, const void *taps, int64_t number, float *dx)
{
    const windows over = windows_over(p, number);
    const int64_t kept = over.begin < over.end ? p->covered : 0;
    memset(dx + kept * BLOCK, 0, (size_t)((p->in[1] - kept) * BLOCK) * sizeof *dx);
    for (int at = 0; at < BLOCK; at += LANES)
        backward_part(p, dy + at, taps ? (const char *)taps + at * p->tap_bytes : NULL, number,
                      dx + at);
}

const tn_pool_code TN_OF_ISA(tn_pool) = {
    .name = TN_ISA_NAME,
    .lanes = BLOCK,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
