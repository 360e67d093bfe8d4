/* The products of direct.h for vectors of LANES floats. */
#include "backends/cpu/direct/direct.h"
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define ROWS 14
#define SUM_ROWS 8
#define AHEAD 32
#elif defined TN_ISA_AVX2
#define LANES 8
#define ROWS 6
#define SUM_ROWS 4
#define AHEAD 0
#else
#define LANES 8
#define ROWS 4
#define SUM_ROWS 4
#define AHEAD 0
#endif

#include "backends/cpu/vector/product.h"

INLINE vec finish(const tn_direct_row *r, vec v, int64_t at)
{
    if (r->more)
        v += load(r->more + at);
    return r->holds ? at_most(r->high - (vec){0}, at_least(r->low - (vec){0}, v)) : v;
}

/* Pixels `at` to at + rows - 1. */
INLINE void make_tile(int rows, int wide, const tn_direct_row *r, int64_t at)
{
    const column_blocks from_w = {LANES, r->w_block, AHEAD * LANES};
    const float *x = r->x + at * r->x_step, *w = r->w;
    vec sum[PART_ROWS][PART_MOST];
    EACH (j, wide) {
        const vec begin = r->bias ? load(r->bias + j * LANES) : (vec){0};
        EACH (i, rows) {
            sum[i][j] = begin;
            __builtin_prefetch(r->y + j * r->y_block + (at + i) * r->y_step, 1);
        }
    }
    for (int64_t c = 0; c < r->channels; c += LANES, x += r->x_block, w += r->w_next) {
        const int64_t run = r->channels - c < LANES ? r->channels - c : LANES;
        for (int64_t t = 0; t < r->taps; t++)
            add_products(rows, wide, run, x + r->tap[t].x,
                         (left_side){r->x_step, 1, run, 0, false, 0}, w + r->tap[t].w, from_w, sum);
    }
    EACH (j, wide)
        EACH (i, rows) {
            const int64_t to = j * r->y_block + (at + i) * r->y_step;
            store(r->y + to, finish(r, sum[i][j], to));
        }
}

/* All pixels, in tiles as equal as can be. */
INLINE void make_blocks(int wide, const tn_direct_row *r)
{
    int64_t at = 0;
    for (int64_t tiles = (r->pixels + ROWS - 1) / ROWS; tiles > 0; tiles--) {
        const int64_t count = (r->pixels - at + tiles - 1) / tiles;
#define TILE(n)                                            \
    case n:                                                \
        if ((n) <= ROWS)                                   \
            make_tile((n) <= ROWS ? (n) : 1, wide, r, at); \
        break;
        switch (count) {
            TILE(1)
            TILE(2)
            TILE(3)
            TILE(4)
            TILE(5)
            TILE(6)
            TILE(7)
            TILE(8)
            TILE(9)
            TILE(10)
            TILE(11)
            TILE(12)
            TILE(13)
            TILE(14)
        }
#undef TILE
        at += count;
    }
}

static void multiply(const tn_direct_row *r)
{
    if (r->blocks == 2)
        make_blocks(2, r);
    else
        make_blocks(1, r);
}

INLINE void add_blocks(int wide, const tn_direct_sums *s)
{
    const left_side step = {1, s->x_step, s->pixels, s->x_row, false, 0};
    const column_blocks from_dy = {LANES, s->dy_block, 0}, to = {LANES, s->dw_block, 0};
    for (int64_t c = 0; c < s->blocks_of_x; c++)
        for (int at = 0; at < LANES; at += SUM_ROWS)
            multiply_part(SUM_ROWS, wide, s->rows * s->pixels, s->x + c * s->x_block + at, step,
                          s->dy, from_dy, s->dw + c * s->dw_next + at * LANES, to, true);
}

static void add_sums(const tn_direct_sums *s)
{
    if (s->blocks == 2)
        add_blocks(2, s);
    else
        add_blocks(1, s);
}

static void add_bias(const float *dy, int64_t pixels, float *db)
{
    vec sum = load(db);
    for (int64_t i = 0; i < pixels; i++)
        sum += load(dy + i * LANES);
    store(db, sum);
}

static void turn(const float *from, float *to)
{
    for (int k = 0; k < LANES; k++)
        for (int c = 0; c < LANES; c++)
            to[k * LANES + c] = from[c * LANES + k];
}

const tn_direct_code TN_OF_ISA(tn_direct) = {
    .name = TN_ISA_NAME,
    .lanes = LANES,
    .rows = ROWS,
    .multiply = multiply,
    .add_sums = add_sums,
    .add_bias = add_bias,
    .turn = turn,
};
