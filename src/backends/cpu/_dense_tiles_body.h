/*
 * The products of _dense_tiles.h for vectors of LANES floats; the including file defines LANES, TILES_CODE
 * and TILES_NAME; ROWS, which times PART_WIDE vectors of the result are kept in registers, or NARROW_ROWS
 * times one (both divide 16); AHEAD: panels are fetched so many rows ahead of their use.
 */
#include "backends/cpu/_dense_tiles.h"
#include "backends/cpu/_product.h"

/* 16 rows of c, all images. */
INLINE void multiply_tiles(const tn_tiles *t, int64_t inner, const float *a, left_side step,
                           const float *b, int64_t b_block, float *c, int64_t c_block, bool add)
{
    const column_blocks from = {LANES, b_block, AHEAD * LANES}, to = {LANES, c_block, 0};
    const int64_t blocks = t->wide_N / LANES;
    int64_t j = 0;
    for (; j + PART_WIDE <= blocks; j += PART_WIDE)
        for (int i = 0; i < TN_TILE; i += ROWS)
            multiply_part(ROWS, PART_WIDE, inner, a + i * step.row, step, b + j * b_block, from,
                          c + j * c_block + i * LANES, to, add);
    for (; j < blocks; j++)
        for (int i = 0; i < TN_TILE; i += NARROW_ROWS)
            multiply_part(NARROW_ROWS, 1, inner, a + i * step.row, step, b + j * b_block, from,
                          c + j * c_block + i * LANES, to, add);
}

static void forward_tiles(const tn_tiles *t, const float *w, const float *x, int64_t tile,
                          int64_t begin, int64_t end, float *y)
{
    const left_side step = {TN_TILE, 1, TN_TILE, TN_TILE_FLOATS, true, t->wide_D * TN_TILE};
    multiply_tiles(t, end - begin, w + (tile * t->wide_D + begin) * TN_TILE, step,
                   x + begin * LANES, t->wide_D * LANES, y + tile * TN_TILE * LANES,
                   t->wide_K * LANES, begin > 0);
}

static void data_tiles(const tn_tiles *t, const float *w, const float *dz, int64_t tile,
                       int64_t begin, int64_t end, float *dx)
{
    const left_side step = {1, TN_TILE, TN_TILE, t->wide_D * TN_TILE, true, TN_TILE_FLOATS};
    multiply_tiles(t, end - begin, w + begin * t->wide_D + tile * TN_TILE_FLOATS, step,
                   dz + begin * LANES, t->wide_K * LANES, dx + tile * TN_TILE * LANES,
                   t->wide_D * LANES, begin > 0);
}

/* `wide` vectors of 16 rows of dW, from column d on. */
INLINE void multiply_images(const tn_tiles *t, int rows, int wide, const float *dz, const float *x,
                            int64_t d, float *dw)
{
    const int64_t block = d / TN_TILE, in_block = d % TN_TILE, x_block = t->N * TN_TILE;
    const left_side step = {LANES, 1, LANES, t->wide_K * LANES, false, 0};
    const column_blocks from = {TN_TILE, LANES == TN_TILE ? x_block : LANES, 0};
    x += block * x_block + in_block;
    dw += block * TN_TILE_FLOATS + in_block;
    for (int i = 0; i < TN_TILE; i += rows) {
        vec sum[PART_ROWS][PART_WIDE];
        EACH (k, rows)
            EACH (j, wide)
                sum[k][j] = (vec){0};
        add_products(rows, wide, t->N, dz + i * LANES, step, x, from, sum);
        EACH (k, rows)
            EACH (j, wide) {
                float *to =
                    dw + (i + k) * TN_TILE + j * (LANES == TN_TILE ? TN_TILE_FLOATS : LANES);
                if (t->stream)
                    stream(to, sum[k][j]);
                else
                    store(to, sum[k][j]);
            }
    }
}

static void weights_tiles(const tn_tiles *t, const float *dz, const float *x, int64_t tile,
                          int64_t begin, int64_t end, float *dw)
{
    const int64_t wide = (int64_t)PART_WIDE * LANES;
    int64_t d = begin;
    dz += tile * TN_TILE * LANES;
    dw += tile * TN_TILE * t->wide_D;
    for (; d + wide <= end; d += wide)
        multiply_images(t, ROWS, PART_WIDE, dz, x, d, dw);
    for (; d < end; d += LANES)
        multiply_images(t, NARROW_ROWS, 1, dz, x, d, dw);
    end_stream();
}

const tn_tiles_code TILES_CODE = {
    .name = TILES_NAME,
    .lanes = LANES,
    .forward = forward_tiles,
    .data = data_tiles,
    .weights = weights_tiles,
};
