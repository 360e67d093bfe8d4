/*
 * The gradients of depthwise.h for vectors of LANES floats, PARTS of them a block of channels, one after the other:
 *
 *     dx[h][w] = sum over r, s of w[r][s] dy[p][q]     where p stride + r dilation - pad = h, and q likewise
 *     dw[r][s] = sum over p, q of dy[p][q] x[h][w]
 *
 * Of windows 3, 5 and 7 wide with stride 1 or 2 a row of dx is made in tiles of some pixels as one of y is; sums of dw stay in
 * registers over a plane, those of as many rows of the window as are needed to keep the processor busy. Of others there are
 * two loads for each product.
 */
#include "backends/cpu/depthwise/depthwise.h"
#include "backends/cpu/depthwise/lanes.h"

enum {
    MOST_TILE = 8,
    MOST_TAPS = 7,
    MOST_ROWS = 3, /* of the window, at a time */
    STEP = 4       /* pixels of dy that wait in registers */
};

/* ---- dx ------------------------------------------------------------------------------------- */

/* Row `row` of dx, and the tile that begins at `column`: dy's pixel `first` is that under its first tap. */
typedef struct target {
    const float *dy, *w;
    int64_t row, column, first;
} target;

/* The row of dy that meets row `row` of dx at tap r of the window; -1: none. */
INLINE int64_t row_at(const tn_depthwise *s, int64_t row, int64_t r)
{
    const int64_t down = row + s->pad[0] - r * s->dilation[0], p = down / s->stride[0];
    return down < 0 || p >= s->out[0] || p * s->stride[0] != down ? -1 : p;
}

/* One row of the window, over `dy`'s. */
INLINE void gather(int tile, int taps, int stride, bool checked, const tn_depthwise *s,
                   const float *dy, const float *w, int64_t first, vec sum[MOST_TILE])
{
    const int before = (taps - 1) / stride, count = before + (tile - 1) / stride + 1;
    vec filter[MOST_TAPS];
    EACH (i, taps)
        filter[i] = load(w + i * BLOCK);
#pragma GCC unroll 32
    for (int j = 0; j < count; j++) {
        const vec v = in_register(pixel(dy, s->out[1], first - before + j, checked));
        const int begin = stride * (j - before);
        EACH (t, tile)
            if (t >= begin && t < begin + taps)
                sum[t] += v * filter[t - begin];
    }
}

INLINE void make_tile(int tile, int taps, int stride, bool checked, const tn_depthwise *s,
                      const target *at, float *dx)
{
    vec sum[MOST_TILE];
    EACH (t, tile)
        sum[t] = (vec){0};
    for (int64_t r = 0; r < s->kernel[0]; r++) {
        const int64_t p = row_at(s, at->row, r);
        if (p >= 0)
            gather(tile, taps, stride, checked, s, at->dy + p * s->out[1] * BLOCK,
                   at->w + r * taps * BLOCK, at->first, sum);
    }
    EACH (t, tile)
        if (!checked || (uint64_t)(at->column + t) < (uint64_t)s->in[1])
            store(dx + (at->column + t) * BLOCK, sum[t]);
}

/* Tiles begin where a window may. */
INLINE void make_row(int tile, int taps, int stride, const tn_depthwise *s, target at, float *dx)
{
    const int before = (taps - 1) / stride, behind = (tile - 1) / stride;
    for (at.column = -(s->pad[1] % stride); at.column < s->in[1]; at.column += tile) {
        at.first = (at.column + s->pad[1]) / stride;
        if (at.column >= 0 && at.column + tile <= s->in[1] && at.first >= before &&
            at.first + behind < s->out[1])
            make_tile(tile, taps, stride, false, s, &at, dx);
        else
            make_tile(tile, taps, stride, true, s, &at, dx);
    }
}

/* Of any window, pixel by pixel. */
static void make_any_row(const tn_depthwise *s, target at, float *dx)
{
    for (int64_t h = 0; h < s->in[1]; h++) {
        vec sum = {0};
        for (int64_t i = 0; i < s->kernel[0] * s->kernel[1]; i++) {
            const int64_t p = row_at(s, at.row, i / s->kernel[1]);
            const int64_t across = h + s->pad[1] - i % s->kernel[1] * s->dilation[1],
                          q = across / s->stride[1];
            if (p >= 0 && across >= 0 && q < s->out[1] && q * s->stride[1] == across)
                sum += load(at.dy + (p * s->out[1] + q) * BLOCK) * load(at.w + i * BLOCK);
        }
        store(dx + h * BLOCK, sum);
    }
}

/* Functions of their own, which the compiler does not mix with each other. */
#define DATA(tile, taps, stride)                                                                 \
    static __attribute__((noinline)) void data_##tile##_##taps##_##stride(const tn_depthwise *s, \
                                                                          target at, float *dx)  \
    {                                                                                            \
        make_row(tile, taps, stride, s, at, dx);                                                 \
    }
DATA(7, 3, 1)
DATA(7, 5, 1)
DATA(7, 7, 1)
DATA(8, 3, 1)
DATA(8, 5, 1)
DATA(8, 7, 1)
DATA(8, 3, 2)
DATA(8, 5, 2)
DATA(8, 7, 2)

typedef void row_maker(const tn_depthwise *s, target at, float *dx);

/* Is the window one that the compiler knows? */
static bool is_known(const tn_depthwise *s)
{
    const int64_t taps = s->kernel[1];
    return s->dilation[1] == 1 && s->stride[1] <= 2 && taps >= 3 && taps <= MOST_TAPS &&
           taps % 2 == 1;
}

static void data(const tn_depthwise *s, const float *dy, const float *w, int64_t begin, int64_t end,
                 float *dx)
{
    static row_maker *const known[3][3] = {{data_7_3_1, data_8_3_1, data_8_3_2},
                                           {data_7_5_1, data_8_5_1, data_8_5_2},
                                           {data_7_7_1, data_8_7_1, data_8_7_2}};
    const int64_t W = s->in[1];
    const int kind = s->stride[1] == 2 ? 2 : (W + 7) / 8 * 8 <= (W + 6) / 7 * 7;
    row_maker *make = is_known(s) ? known[s->kernel[1] / 2 - 1][kind] : make_any_row;
    for (int64_t row = begin; row < end; row++)
        for (int at = 0; at < BLOCK; at += LANES)
            make(s, (target){.dy = dy + at, .w = w + at, .row = row},
                 dx + (row - begin) * W * BLOCK + at);
}

/* ---- dw ------------------------------------------------------------------------------------- */

/* What `pixels` of a row of dy, from q on, add to the sums of `rows` rows of the window, the first of which lies at x. */
INLINE void add_step(int pixels, int rows, int taps, int stride, bool checked,
                     const tn_depthwise *s, const float *x, const float *dy, int64_t q,
                     vec sum[MOST_ROWS][MOST_TAPS])
{
    const int64_t down = s->dilation[0] * s->in[1] * BLOCK, column = q * stride - s->pad[1];
    const int columns = (pixels - 1) * stride + taps;
    vec of[STEP];
    EACH (i, pixels)
        of[i] = in_register(load(dy + (q + i) * BLOCK));
    EACH (r, rows)
#pragma GCC unroll 32
        for (int j = 0; j < columns; j++) {
            const vec v = in_register(pixel(x + r * down, s->in[1], column + j, checked));
            EACH (i, pixels)
                if (j >= i * stride && j < i * stride + taps)
                    sum[r][j - i * stride] += v * of[i];
        }
}

/* Rows begin to end - 1 of dy, with window rows r to r + rows - 1, all of which lie in the image. */
INLINE void add_rows(int rows, int taps, int stride, const tn_depthwise *s, const float *x,
                     const float *dy, int64_t r, int64_t begin, int64_t end, float *dw)
{
    const int64_t Q = s->out[1], W = s->in[1];
    vec sum[MOST_ROWS][MOST_TAPS];
    EACH (i, rows)
        EACH (t, taps)
            sum[i][t] = load(dw + ((r + i) * taps + t) * BLOCK);
    for (int64_t p = begin; p < end; p++) {
        const int64_t h = p * s->stride[0] - s->pad[0] + r * s->dilation[0];
        const float *from = x + h * W * BLOCK, *of = dy + p * Q * BLOCK;
        int64_t q = 0;
        for (; q + STEP <= Q; q += STEP) {
            const int64_t column = q * stride - s->pad[1];
            if (column >= 0 && column + (STEP - 1) * stride + taps <= W)
                add_step(STEP, rows, taps, stride, false, s, from, of, q, sum);
            else
                add_step(STEP, rows, taps, stride, true, s, from, of, q, sum);
        }
        for (; q < Q; q++)
            add_step(1, rows, taps, stride, true, s, from, of, q, sum);
    }
    EACH (i, rows)
        EACH (t, taps)
            store(dw + ((r + i) * taps + t) * BLOCK, sum[i][t]);
}

/* The rows of dy for which row r of the window lies in the image. */
INLINE void rows_for(const tn_depthwise *s, int64_t r, int64_t *begin, int64_t *end)
{
    const int64_t stride = s->stride[0], above = s->pad[0] - r * s->dilation[0],
                  left = s->in[0] + above;
    const int64_t first = above > 0 ? (above + stride - 1) / stride : 0,
                  last = left > 0 ? (left + stride - 1) / stride : 0;
    *end = last < s->out[0] ? last : s->out[0];
    *begin = first < *end ? first : *end;
}

/* All of the window's rows, so many at a time; where not all of those lie in the image, one. */
INLINE void add_plane(int rows, int taps, int stride, const tn_depthwise *s, const float *x,
                      const float *dy, float *dw)
{
    int64_t begin, end, r = 0;
    for (; r + rows <= s->kernel[0]; r += rows) {
        int64_t from = 0, to = s->out[0];
        for (int i = 0; i < rows; i++) {
            rows_for(s, r + i, &begin, &end);
            from = begin > from ? begin : from;
            to = end < to ? end : to;
        }
        to = to < from ? from : to;
        add_rows(rows, taps, stride, s, x, dy, r, from, to, dw);
        for (int i = 0; rows > 1 && i < rows; i++) {
            rows_for(s, r + i, &begin, &end);
            if (begin < from)
                add_rows(1, taps, stride, s, x, dy, r + i, begin, from < end ? from : end, dw);
            if (end > to)
                add_rows(1, taps, stride, s, x, dy, r + i, to > begin ? to : begin, end, dw);
        }
    }
    for (; r < s->kernel[0]; r++) {
        rows_for(s, r, &begin, &end);
        add_rows(1, taps, stride, s, x, dy, r, begin, end, dw);
    }
}

/* Of any window, tap by tap. */
static void add_any(const tn_depthwise *s, const float *x, const float *dy, float *dw)
{
    int64_t begin, end;
    for (int64_t i = 0; i < s->kernel[0] * s->kernel[1]; i++) {
        vec sum = load(dw + i * BLOCK);
        rows_for(s, i / s->kernel[1], &begin, &end);
        for (int64_t p = begin; p < end; p++) {
            const int64_t h = p * s->stride[0] - s->pad[0] + i / s->kernel[1] * s->dilation[0];
            for (int64_t q = 0; q < s->out[1]; q++) {
                const int64_t w = q * s->stride[1] - s->pad[1] + i % s->kernel[1] * s->dilation[1];
                if (w >= 0 && w < s->in[1])
                    sum += load(x + (h * s->in[1] + w) * BLOCK) *
                           load(dy + (p * s->out[1] + q) * BLOCK);
            }
        }
        store(dw + i * BLOCK, sum);
    }
}

#define WEIGHTS(rows, taps, stride)                                        \
    static __attribute__((noinline)) void weights_##taps##_##stride(       \
        const tn_depthwise *s, const float *x, const float *dy, float *dw) \
    {                                                                      \
        add_plane(rows, taps, stride, s, x, dy, dw);                       \
    }
WEIGHTS(3, 3, 1)
WEIGHTS(3, 3, 2)
WEIGHTS(2, 5, 1)
WEIGHTS(2, 5, 2)
WEIGHTS(1, 7, 1)
WEIGHTS(1, 7, 2)

typedef void plane_adder(const tn_depthwise *s, const float *x, const float *dy, float *dw);

static void weights(const tn_depthwise *s, const float *x, const float *dy, float *dw)
{
    static plane_adder *const known[3][2] = {
        {weights_3_1, weights_3_2}, {weights_5_1, weights_5_2}, {weights_7_1, weights_7_2}};
    plane_adder *add = is_known(s) ? known[s->kernel[1] / 2 - 1][s->stride[1] - 1] : add_any;
    for (int at = 0; at < BLOCK; at += LANES)
        add(s, x + at, dy + at, dw + at);
}

static void bias(const tn_depthwise *s, const float *dy, float *db)
{
    for (int at = 0; at < BLOCK; at += LANES) {
        vec sum = load(db + at);
        for (int64_t i = 0; i < s->out[0] * s->out[1]; i++)
            sum += load(dy + i * BLOCK + at);
        store(db + at, sum);
    }
}

const tn_depthwise_back TN_OF_ISA(tn_depthwise_back) = {
    .data = data,
    .weights = weights,
    .bias = bias,
};
