/*
 * The products of matrices of winograd/tile.h, for vectors of LANES floats; a part of winograd/code.c.
 *
 * Ours and no library's because of what it saves around them. Columns come in blocks of one vector, just as
 * the transforms make them, so that nothing is packed; and oneDNN's dnnl_sgemm compiles itself when first
 * called, 33 ms of a program's start, and is slower at most sizes met here (a thread of a Xeon, AVX-512,
 * Gflop/s: 128 x 64 x 20 148 against 118, 196 x 128 x 128 182 against 159, 64 x 384 x 256 166 against 167).
 *
 * The including file defines how much of c is kept in registers at a time: ROWS x WIDE vectors, of a
 * product with a turned TURNED_ROWS x TURNED_WIDE (TURNED_ROWS divides 8); TRIPLE_ROWS, or TURNED_ROWS, x 3
 * where a lone vector would be left over, which has too few sums to keep the processor busy (0: never).
 * AHEAD: b is fetched so many rows ahead of its use, 0 not at all; filters of 14 MiB do not wait in L2.
 */
#ifndef TN_CPU_WINOGRAD_PRODUCT_H
#define TN_CPU_WINOGRAD_PRODUCT_H

#include "backends/cpu/vector/product.h"
#include "backends/cpu/winograd/tile.h"

/* All rows of `wide` blocks of c, cut into parts as equal as can be. */
INLINE void multiply_blocks(int wide, int most, int64_t rows, int64_t inner,
                            const tn_wino_matrix *a, const float *b, int64_t b_block, float *c,
                            int64_t c_block)
{
    const left_side step = {LANES, 1, LANES, a->rows * LANES, false, 0};
    const column_blocks from_b = {LANES, b_block, AHEAD * LANES}, to_c = {LANES, c_block, 0};
    int64_t begin = 0;
    for (int64_t parts = (rows + most - 1) / most; parts > 0; parts--) {
        const int64_t count = (rows - begin + parts - 1) / parts;
        const float *from = a->data + begin * LANES;
        float *to = c + begin * LANES;
#define PART(n)                                                                                \
    case n:                                                                                    \
        if ((n) <= most)                                                                       \
            multiply_part((n) <= most ? (n) : 1, wide, inner, from, step, b, from_b, to, to_c, \
                          false);                                                              \
        break;
        switch (count) {
            PART(1)
            PART(2)
            PART(3)
            PART(4)
            PART(5)
            PART(6)
            PART(7)
            PART(8)
            PART(9)
            PART(10)
            PART(11)
            PART(12)
            PART(13)
            PART(14)
        }
#undef PART
        begin += count;
    }
}

INLINE bool is_triple(int64_t blocks)
{
    return TRIPLE_ROWS > 0 && blocks == 3;
}

/* c = a b, of `blocks` columns of vectors. */
static void multiply_matrices(int64_t rows, int64_t inner, int64_t blocks, const tn_wino_matrix *a,
                              const tn_wino_matrix *b, const tn_wino_matrix *c)
{
    const int64_t b_block = b->rows * LANES, c_block = c->rows * LANES;
    int64_t j = 0;
    for (; j + WIDE <= blocks && !is_triple(blocks - j); j += WIDE)
        multiply_blocks(WIDE, ROWS, rows, inner, a, b->data + j * b_block, b_block,
                        c->data + j * c_block, c_block);
    if (is_triple(blocks - j)) {
        multiply_blocks(3, TRIPLE_ROWS ? TRIPLE_ROWS : 1, rows, inner, a, b->data + j * b_block,
                        b_block, c->data + j * c_block, c_block);
        return;
    }
    for (; j < blocks; j++)
        multiply_blocks(1, ROWS, rows, inner, a, b->data + j * b_block, b_block,
                        c->data + j * c_block, c_block);
}

INLINE void add_blocks(int wide, int64_t rows, int64_t inner, const tn_wino_matrix *a,
                       const float *b, int64_t b_block, float *c, int64_t c_block)
{
    const left_side step = {1, LANES, inner, 0, false, 0};
    const column_blocks from_b = {LANES, b_block, AHEAD * LANES}, to_c = {LANES, c_block, 0};
    for (int64_t i = 0; i < rows; i += TURNED_ROWS)
        multiply_part(TURNED_ROWS, wide, inner, a->data + i / LANES * LANES * a->rows + i % LANES,
                      step, b, from_b, c + i * LANES, to_c, true);
}

/* c += a' b; rows of c: a multiple of 8. */
static void multiply_turned(int64_t rows, int64_t inner, int64_t blocks, const tn_wino_matrix *a,
                            const tn_wino_matrix *b, const tn_wino_matrix *c)
{
    const int64_t b_block = b->rows * LANES, c_block = c->rows * LANES;
    int64_t j = 0;
    for (; j + TURNED_WIDE <= blocks && !is_triple(blocks - j); j += TURNED_WIDE)
        add_blocks(TURNED_WIDE, rows, inner, a, b->data + j * b_block, b_block,
                   c->data + j * c_block, c_block);
    if (is_triple(blocks - j)) {
        add_blocks(3, rows, inner, a, b->data + j * b_block, b_block, c->data + j * c_block,
                   c_block);
        return;
    }
    for (; j < blocks; j++)
        add_blocks(1, rows, inner, a, b->data + j * b_block, b_block, c->data + j * c_block,
                   c_block);
}

#endif
