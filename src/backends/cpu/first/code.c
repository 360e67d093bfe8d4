/*
 * The passes of first.h for vectors of LANES floats. CHANNELS, of that structure; ROWS, which times WIDE vectors are
 * kept in the 16 registers; POOL_WIDE, where pooling is to be done too: without AVX2 a vector is two of the
 * processor's, which the compiler would compare element by element. For AVX-512 there is no such code: oneDNN's is
 * as fast.
 */
#include "backends/cpu/first/first.h"
#include "backends/cpu/vector/isa.h"

#ifndef TN_ISA_AVX512
#define LANES 8
#define ROWS 6
#if defined TN_ISA_AVX2
#define CHANNELS 4
#define WIDE 2
#define POOL_WIDE 3
#else
#define CHANNELS 1
#define WIDE 1
#endif

#include "backends/cpu/vector/product.h"

/* Does call(n) with n = count, a constant to the compiler, for counts up to ROWS. */
#define WITH_CONSTANT(count, call) \
    switch (count) {               \
    case 1:                        \
        call(1);                   \
        break;                     \
    case 2:                        \
        call(2);                   \
        break;                     \
    case 3:                        \
        call(3);                   \
        break;                     \
    case 4:                        \
        call(4);                   \
        break;                     \
    case 5:                        \
        call(5);                   \
        break;                     \
    case 6:                        \
        call(6);                   \
        break;                     \
    }
_Static_assert(ROWS <= 6, "WITH_CONSTANT has no more");

/* Of so many, the size of the next part, if they are cut into parts of at most `most` as equal as can be. */
INLINE int64_t part_of(int64_t left, int64_t most)
{
    const int64_t parts = (left + most - 1) / most;
    return (left + parts - 1) / parts;
}

INLINE int64_t taps_of(const tn_few *s)
{
    return s->kernel[0] * s->kernel[1];
}

/* `count` pixels of y side by side, in `wide` blocks. */
INLINE void forward_part(int count, int wide, const tn_few *s, const float *x, const float *w,
                         const float *bias, float *y)
{
    const int64_t taps = taps_of(s), y_block = s->out[0] * s->out[1] * LANES;
    const left_side step = {s->stride[1], 1, s->kernel[1], s->width, false, 0};
    const column_blocks from = {s->C * LANES, s->C * taps * LANES, 0};
    vec sum[PART_ROWS][PART_MOST];
    EACH (j, wide) {
        const vec first = bias ? load(bias + j * LANES) : (vec){0};
        EACH (i, count)
            sum[i][j] = first;
    }
    for (int64_t c = 0; c < s->C; c++)
        add_products(count, wide, taps, x + c * s->height * s->width, step, w + c * LANES, from,
                     sum);
    EACH (i, count)
        EACH (j, wide) {
            const vec v = sum[i][j];
            store(y + j * y_block + i * LANES, s->relu ? (vec)((mask)v & ~(v < 0)) : v);
        }
}

INLINE void forward_row(int wide, const tn_few *s, const float *x, const float *w,
                        const float *bias, float *y)
{
    for (int64_t q = 0, count; q < s->out[1]; q += count) {
        count = part_of(s->out[1] - q, ROWS);
#define CALL(n) forward_part(n, wide, s, x + q * s->stride[1], w, bias, y + q * LANES)
        WITH_CONSTANT(count, CALL)
#undef CALL
    }
}

static void forward(const tn_few *s, const float *band, int64_t rows, const float *w,
                    const float *bias, float *y)
{
    const int64_t w_block = s->C * taps_of(s) * LANES, y_block = s->out[0] * s->out[1] * LANES;
    for (int64_t k = 0; k < s->K; k += WIDE)
        for (int64_t p = 0; p < rows; p++) {
            const float *x = band + p * s->stride[0] * s->width,
                        *b = bias ? bias + k * LANES : NULL;
            float *to = y + k * y_block + p * s->out[1] * LANES;
            if (k + WIDE <= s->K)
                forward_row(WIDE, s, x, w + k * w_block, b, to);
            else
                forward_row(1, s, x, w + k * w_block, b, to);
        }
}

/* dw of one row of a channel's window, in `wide` blocks. */
INLINE void weights_row(int wide, const tn_few *s, const float *x, int64_t rows, const float *dz,
                        int64_t pitch, float *dw)
{
    const left_side step = {1, s->stride[1], s->out[1], s->stride[0] * s->width, false, 0};
    const column_blocks from = {LANES, pitch, 0}, to = {s->C * LANES, s->C * taps_of(s) * LANES, 0};
    for (int64_t tap = 0, count; tap < s->kernel[1]; tap += count) {
        count = part_of(s->kernel[1] - tap, ROWS);
#define CALL(n)                                                                                    \
    multiply_part(n, wide, rows * s->out[1], x + tap, step, dz, from, dw + tap * s->C * LANES, to, \
                  true)
        WITH_CONSTANT(count, CALL)
#undef CALL
    }
}

/* db of one block. Four sums, or each addition would wait for the one before. */
INLINE void bias_part(int64_t pixels, const float *dz, float *db)
{
    vec sum[4] = {load(db)};
    int64_t i = 0;
    for (; i + 4 <= pixels; i += 4)
        EACH (j, 4)
            sum[j] += load(dz + (i + j) * LANES);
    for (; i < pixels; i++)
        sum[0] += load(dz + i * LANES);
    store(db, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static void weights(const tn_few *s, const float *band, int64_t rows, const float *dz,
                    int64_t pitch, float *dw, float *db)
{
    const int64_t R = s->kernel[0], S = s->kernel[1], w_block = s->C * R * S * LANES;
    for (int64_t k = 0; db && k < s->K; k++)
        bias_part(rows * s->out[1], dz + k * pitch, db + k * LANES);
    for (int64_t k = 0; dw && k < s->K; k += WIDE)
        for (int64_t c = 0; c < s->C; c++)
            for (int64_t r = 0; r < R; r++) {
                const float *x = band + (c * s->height + r) * s->width;
                float *to = dw + k * w_block + (r * S * s->C + c) * LANES;
                if (k + WIDE <= s->K)
                    weights_row(WIDE, s, x, rows, dz + k * pitch, pitch, to);
                else
                    weights_row(1, s, x, rows, dz + k * pitch, pitch, to);
            }
}

#ifdef POOL_WIDE
#include "backends/cpu/first/pool_code.h"
#endif

const tn_few_code TN_OF_ISA(tn_few) = {
    .name = TN_ISA_NAME,
    .lanes = LANES,
    .channels = CHANNELS,
    .forward = forward,
    .weights = TN_BACKWARD(weights),
#ifdef POOL_WIDE
    .forward_pooled = forward_pooled,
    .weights_pooled = TN_BACKWARD(weights_pooled),
#endif
};

#endif
