/*
 * The passes of first/first.h with a maximum of 2 x 2 behind them; included by code.c where that defines
 * POOL_WIDE: so many blocks of four sums stay in registers.
 */
#include "backends/cpu/pool/taps.h"

enum { WINDOW = 4 };
_Static_assert(LANES == TN_FEW_POOLED_WIDTH, "a row of a filter is a vector");

/* A window's pixels, counted from the first one's place in the band. */
INLINE int64_t pixel_at(const tn_few *s, int number)
{
    return number / 2 * s->stride[0] * s->width + number % 2 * s->stride[1];
}

/* One window in `wide` blocks; `taps` side by side, which the compiler may know. */
INLINE void window_sums(int wide, int64_t taps, const tn_few *s, const float *x, const float *w,
                        vec sum[WINDOW][POOL_WIDE])
{
    const int64_t next = s->C * LANES, w_block = s->C * taps_of(s) * LANES;
    for (int64_t c = 0; c < s->C; c++) {
        const float *at = w + c * LANES;
        for (int64_t r = 0; r < s->kernel[0]; r++) {
            const float *row = x + (c * s->height + r) * s->width;
#pragma GCC unroll 8
            for (int64_t tap = 0; tap < taps; tap++, at += next) {
                vec right[POOL_WIDE];
                EACH (j, wide)
                    right[j] = load(at + j * w_block);
                EACH (i, WINDOW) {
                    const vec left = row[pixel_at(s, i) + tap] - (vec){0};
                    EACH (j, wide)
                        sum[i][j] += left * right[j];
                }
            }
        }
    }
}

INLINE void forward_window(int wide, int64_t taps, const tn_few *s, const float *x, const float *w,
                           const float *bias, float *y, uint8_t *largest)
{
    const int64_t y_block = s->out[0] * s->out[1] * LANES;
    vec sum[WINDOW][POOL_WIDE];
    EACH (j, wide) {
        const vec first = bias ? load(bias + j * LANES) : (vec){0};
        EACH (i, WINDOW)
            sum[i][j] = first;
    }
    window_sums(wide, taps, s, x, w, sum);
    EACH (j, wide) {
        vec best = {0};
        mask tap = {0};
        EACH (i, WINDOW)
            keep_larger(sum[i][j], i, i == 0, &best, &tap);
        if (s->relu)
            cut_largest(&best, &tap);
        store(y + j * y_block, best);
        if (largest)
            save_taps(largest, j * y_block, tap, 1);
    }
}

INLINE void forward_windows(int wide, int64_t taps, const tn_few *s, const float *band,
                            int64_t rows, const float *w, const float *bias, float *y,
                            uint8_t *largest)
{
    for (int64_t p = 0; p < rows; p++)
        for (int64_t q = 0; q < s->out[1]; q++) {
            const int64_t at = (p * s->out[1] + q) * LANES;
            const float *x = band + 2 * (p * s->stride[0] * s->width + q * s->stride[1]);
            forward_window(wide, taps, s, x, w, bias, y + at, largest ? largest + at : NULL);
        }
}

INLINE void forward_blocks(int64_t taps, const tn_few *s, const float *band, int64_t rows,
                           const float *w, const float *bias, float *y, uint8_t *largest)
{
    const int64_t w_block = s->C * taps_of(s) * LANES, y_block = s->out[0] * s->out[1] * LANES;
    for (int64_t k = 0, count; k < s->K; k += count) {
        count = part_of(s->K - k, POOL_WIDE);
#define CALL(n)                                                                              \
    forward_windows(n, taps, s, band, rows, w + k * w_block, bias ? bias + k * LANES : NULL, \
                    y + k * y_block, largest ? largest + k * y_block : NULL)
        switch (count) {
        case 1:
            CALL(1);
            break;
        case 2:
            CALL(2);
            break;
        case 3:
            CALL(3);
            break;
        }
#undef CALL
    }
}
_Static_assert(POOL_WIDE == 3, "forward_blocks() has these");

/* Functions of their own, or the compiler takes these numbers for what they are compared with, unknown to it. */
static __attribute__((noinline)) void forward_3(const tn_few *s, const float *band, int64_t rows,
                                                const float *w, const float *bias, float *y,
                                                uint8_t *taps)
{
    forward_blocks(3, s, band, rows, w, bias, y, taps);
}

static __attribute__((noinline)) void forward_5(const tn_few *s, const float *band, int64_t rows,
                                                const float *w, const float *bias, float *y,
                                                uint8_t *taps)
{
    forward_blocks(5, s, band, rows, w, bias, y, taps);
}

static void forward_pooled(const tn_few *s, const float *band, int64_t rows, const float *w,
                           const float *bias, float *y, uint8_t *taps)
{
    if (s->kernel[1] == 3)
        forward_3(s, band, rows, w, bias, y, taps);
    else if (s->kernel[1] == 5)
        forward_5(s, band, rows, w, bias, y, taps);
    else
        forward_blocks(s->kernel[1], s, band, rows, w, bias, y, taps);
}

/* ---- backward ----------------------------------------------------------------------------- */

/* What counts of dy, where in the band it comes from, and the sum of it. */
INLINE void find_largest(const tn_few *s, int64_t rows, const float *dy, const uint8_t *taps,
                         int32_t *where, float *dz, float *db)
{
    const int32_t down = (int32_t)pixel_at(s, 2), right = (int32_t)pixel_at(s, 1);
    vec sum = {0};
    for (int64_t p = 0; p < rows; p++)
        for (int64_t q = 0; q < s->out[1]; q++) {
            const int64_t at = (p * s->out[1] + q) * LANES;
            const int32_t first = (int32_t)(2 * (p * s->stride[0] * s->width + q * s->stride[1]));
            const mask tap = saved_taps(taps, at, 1);
            const mask place = (((tap & 2) != 0) & down) + (((tap & 1) != 0) & right) + first;
            const vec v = (vec)((mask)load(dy + at) & (tap < WINDOW));
            memcpy(where + at, &place, sizeof place);
            store(dz + at, v);
            sum += v;
        }
    if (db)
        store(db, load(db) + sum);
}

/* `count` rows of one filter's dw, in one channel. */
INLINE void add_rows(int count, int64_t pixels, const float *x, int64_t width, const int32_t *where,
                     const float *dz, float *dw)
{
    vec sum[ROWS];
    EACH (r, count)
        sum[r] = load(dw + r * LANES);
    for (int64_t i = 0; i < pixels; i++) {
        const float *at = x + where[i * LANES];
        const vec g = dz[i * LANES] - (vec){0};
        EACH (r, count)
            sum[r] += g * load(at + r * width);
    }
    EACH (r, count)
        store(dw + r * LANES, sum[r]);
}

static void weights_pooled(const tn_few *s, const float *band, int64_t rows, const float *dy,
                           const uint8_t *taps, int64_t filters, int32_t *where, float *dz,
                           float *dw, float *db)
{
    const int64_t pixels = rows * s->out[1], R = s->kernel[0];
    find_largest(s, rows, dy, taps, where, dz, db);
    for (int64_t k = 0; dw && k < filters; k++)
        for (int64_t c = 0; c < s->C; c++)
            for (int64_t r = 0, count; r < R; r += count) {
                const float *x = band + (c * s->height + r) * s->width;
                float *to = dw + ((k * s->C + c) * R + r) * LANES;
                count = part_of(R - r, ROWS);
#define CALL(n) add_rows(n, pixels, x, s->width, where + k, dz + k, to)
                WITH_CONSTANT(count, CALL)
#undef CALL
            }
}
