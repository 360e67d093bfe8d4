/*
 * The middle of every product of matrices here, for vectors of LANES floats: a part of c that is kept in
 * registers, which winograd/product.h and dense/tiles_code.c walk over theirs. All steps that the caller
 * knows when it is compiled are known here too.
 */
#ifndef TN_CPU_PRODUCT_H
#define TN_CPU_PRODUCT_H

#include <stdbool.h>

#include "backends/cpu/vector/vector.h"

enum { PART_ROWS = 16, PART_WIDE = 2, PART_MOST = 3 /* vectors */, CACHE_LINE = 16 /* floats */ };

/* Where a's elements are: the next row's, the next one's along `inner`, and after `run` of those, where
 * the next block begins. `fetch`: with each step in a block, a cache line of the block that is so many
 * floats `ahead` of this one is fetched into L2. */
typedef struct left_side {
    int64_t row, inner, run, block;
    bool fetch;
    int64_t ahead;
} left_side;

/* Columns come in blocks of one vector: where the next row is and the next block. A row is fetched so many
 * floats ahead of its use; 0: not at all. */
typedef struct column_blocks {
    int64_t row, block, ahead;
} column_blocks;

/* sum += a b, rows x wide vectors. */
INLINE void add_products(int rows, int wide, int64_t inner, const float *a, left_side step,
                         const float *b, column_blocks from, vec sum[PART_ROWS][PART_MOST])
{
    for (int64_t first = 0; first < inner; first += step.run, a += step.block) {
        const int64_t run = inner - first < step.run ? inner - first : step.run;
        const float *at = a;
        for (int64_t k = 0; k < run; k++, at += step.inner, b += from.row) {
            vec right[PART_MOST];
            if (step.fetch)
                __builtin_prefetch(a + step.ahead + k * CACHE_LINE, 0, 2);
            EACH (j, wide) {
                right[j] = load(b + j * from.block);
                if (from.ahead)
                    __builtin_prefetch(b + j * from.block + from.ahead);
            }
            EACH (i, rows) {
                const vec left = at[i * step.row] - (vec){0};
                EACH (j, wide)
                    sum[i][j] += left * right[j];
            }
        }
    }
}

/* c = a b, or c += a b. */
INLINE void multiply_part(int rows, int wide, int64_t inner, const float *a, left_side step,
                          const float *b, column_blocks from, float *c, column_blocks to, bool add)
{
    vec sum[PART_ROWS][PART_MOST];
    EACH (i, rows)
        EACH (j, wide)
            sum[i][j] = add ? load(c + j * to.block + i * to.row) : (vec){0};
    add_products(rows, wide, inner, a, step, b, from, sum);
    EACH (i, rows)
        EACH (j, wide)
            store(c + j * to.block + i * to.row, sum[i][j]);
}

#endif
