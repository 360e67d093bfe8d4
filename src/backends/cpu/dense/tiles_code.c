/*
 * The products of tiles.h for vectors of LANES floats. The 16 rows of a tile are cut into part(first, rows) that are
 * kept in registers: WIDE_PARTS, times PART_WIDE vectors of the result, and NARROW_PARTS, times one. TILES_CHUNK;
 * AHEAD: panels are fetched so many rows ahead of their use.
 */
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define WIDE_PARTS(part) part(0, 8) part(8, 8)
#define NARROW_PARTS(part) part(0, 16)
#define TILES_CHUNK 256
#define AHEAD 32
#elif defined TN_ISA_AVX2
#define LANES 8
#define WIDE_PARTS(part) part(0, 6) part(6, 5) part(11, 5)
#define NARROW_PARTS(part) part(0, 8) part(8, 8)
#define TILES_CHUNK 128
#define AHEAD 0
#else
#define LANES 4
#define WIDE_PARTS(part) part(0, 4) part(4, 4) part(8, 4) part(12, 4)
#define NARROW_PARTS(part) part(0, 8) part(8, 8)
#define TILES_CHUNK 128
#define AHEAD 0
#endif

#include "backends/cpu/dense/tiles.h"
#include "backends/cpu/vector/product.h"

/* 16 rows of c, all images. */
INLINE void multiply_tiles(const tn_tiles *t, int64_t inner, const float *a, left_side step,
                           const float *b, int64_t b_block, float *c, int64_t c_block, bool add)
{
    const column_blocks from = {LANES, b_block, AHEAD * LANES}, to = {LANES, c_block, 0};
    const int64_t blocks = t->wide_N / LANES;
    int64_t j = 0;
#define PART(wide, first, rows)                                                         \
    multiply_part(rows, wide, inner, a + (first)*step.row, step, b + j * b_block, from, \
                  c + j * c_block + (first)*LANES, to, add);
#define WIDE_PART(first, rows) PART(PART_WIDE, first, rows)
#define NARROW_PART(first, rows) PART(1, first, rows)
    for (; j + PART_WIDE <= blocks; j += PART_WIDE) {
        WIDE_PARTS(WIDE_PART)
    }
    for (; j < blocks; j++) {
        NARROW_PARTS(NARROW_PART)
    }
#undef PART
#undef WIDE_PART
#undef NARROW_PART
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

/* `wide` vectors of some rows of dW, from column d on. */
INLINE void multiply_images(const tn_tiles *t, int rows, int wide, const float *dz, const float *x,
                            int64_t d, float *dw)
{
    const int64_t block = d / TN_TILE, in_block = d % TN_TILE, x_block = t->N * TN_TILE;
    const left_side step = {LANES, 1, LANES, t->wide_K * LANES, false, 0};
    const column_blocks from = {TN_TILE, LANES == TN_TILE ? x_block : LANES, 0};
    vec sum[PART_ROWS][PART_MOST];
    EACH (k, rows)
        EACH (j, wide)
            sum[k][j] = (vec){0};
    add_products(rows, wide, t->N, dz, step, x + block * x_block + in_block, from, sum);
    dw += block * TN_TILE_FLOATS + in_block;
    EACH (k, rows)
        EACH (j, wide) {
            float *to = dw + k * TN_TILE + j * (LANES == TN_TILE ? TN_TILE_FLOATS : LANES);
            if (t->stream)
                stream(to, sum[k][j]);
            else
                store(to, sum[k][j]);
        }
}

static void weights_tiles(const tn_tiles *t, const float *dz, const float *x, int64_t tile,
                          int64_t begin, int64_t end, float *dw)
{
    const int64_t wide = (int64_t)PART_WIDE * LANES;
    int64_t d = begin;
    dz += tile * TN_TILE * LANES;
    dw += tile * TN_TILE * t->wide_D;
#define PART(wide, first, rows) \
    multiply_images(t, rows, wide, dz + (first)*LANES, x, d, dw + (first)*TN_TILE);
#define WIDE_PART(first, rows) PART(PART_WIDE, first, rows)
#define NARROW_PART(first, rows) PART(1, first, rows)
    for (; d + wide <= end; d += wide) {
        WIDE_PARTS(WIDE_PART)
    }
    for (; d < end; d += LANES) {
        NARROW_PARTS(NARROW_PART)
    }
#undef PART
#undef WIDE_PART
#undef NARROW_PART
    end_stream();
}

const tn_tiles_code TN_OF_ISA(tn_tiles) = {
    .name = "tiles 16x16:" TN_ISA_NAME,
    .lanes = LANES,
    .chunk = TILES_CHUNK,
    .forward = forward_tiles,
    .data = TN_BACKWARD(data_tiles),
    .weights = TN_BACKWARD(weights_tiles),
};
