/*
 * Winograd's convolution: m x m results of an r x r window from n x n products a channel, n = m + r - 1,
 * where the formula has m m r r. In one dimension, with the matrices of winograd/code.c,
 *
 *     y = A' (U . V)     V = B' x, n pixels     U = G w, r taps      y: m results
 *
 * and in two each matrix is applied to the columns, then to the rows. So x is cut into tiles of n x n
 * pixels that overlap by r - 1, and with q one of the n n places of a tile
 *
 *     forward            V[q] = B' x B     M[q] = V[q] U[q]       y = A' M A      U[q] = G w G'
 *     backward, data     the same of dy, w turned by 180 degrees and U[q] transposed
 *     backward, weights  D[q] = A dy A'    dU[q] = V[q]' D[q]     dw = G' dU G
 *     backward, data     or the forward pass itself, backward:
 *                        D[q] = A dy A'    dV[q] = D[q] U[q]'     dx += B dV B', where tiles overlap
 *
 *     V[q], dV[q]: tiles x C      U[q], dU[q]: C x K      M[q], D[q]: tiles x K
 *
 * All of that is here, compiled once for each width of vectors. Images are blocked by channels as oneDNN has them, one vector a block: N x C/L x H x W
 * x L; filters K/L x C/L x r x r x L (c) x L (k).
 *
 * Source: Winograd 1980, Arithmetic Complexity of Computations; Lavin and Gray 2015, arXiv:1509.09308.
 */
#ifndef TN_CPU_WINOGRAD_H
#define TN_CPU_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Images cut into tiles. Small images waste much of the tiles at their borders (13 x 13 pixels are 3.25
 * tiles of 4 wide, which makes 4), so images are laid out in sheets first, `rows` x `columns` of them,
 * `high` and `wide` pixels apart, with zeros between: 2 x 2 images of 13 x 13 take 7 x 7 tiles, not 8 x 8.
 * The first tile begins `above` and `left` pixels outside of the sheet.
 */
typedef struct tn_wino_grid {
    int64_t blocks;        /* of channels, in one image */
    int64_t height, width; /* of an image */
    int64_t rows, columns, high, wide;
    int64_t down, across; /* tiles in a sheet */
    int64_t above, left;
} tn_wino_grid;

/* A matrix in blocks of L columns: element (row, column) lies at
 * data[(column / L * rows + row) * L + column % L]. */
typedef struct tn_wino_matrix {
    float *data;
    int64_t rows;
} tn_wino_matrix;

/* n n such matrices, each `pitch` floats after the one before. */
typedef struct tn_wino_slab {
    float *data;
    int64_t pitch, rows;
} tn_wino_slab;

/* U[q] as it is, C x K; transposed, K x C; transposed, of filters turned by 180 degrees. */
typedef enum tn_wino_order { TN_WINO_AS_IS, TN_WINO_TRANSPOSED, TN_WINO_TURNED } tn_wino_order;

/* What is done with y: a bias, one a channel, and a value laid out as y are added, each if it is not NULL; then it is held between
 * two numbers, if it is, a NaN not. */
typedef struct tn_wino_end {
    const float *bias, *more;
    bool holds;
    float low, high;
} tn_wino_end;

/* Tiles begin .. end - 1 of all sheets; their rows in the slab begin at 0. `relu`: y, where dy counts
 * only if y > 0, or NULL. */
typedef struct tn_wino_tile {
    int m, r, n;
    /* V from x (or dy, for backward data). */
    void (*input)(const tn_wino_grid *g, const float *x, const float *relu, int64_t begin,
                  int64_t end, const tn_wino_slab *v);
    /* y from M; the tiles of g have m x m pixels and do not overlap. */
    void (*output)(const tn_wino_grid *g, const tn_wino_slab *m, const tn_wino_end *e,
                   int64_t begin, int64_t end, float *y);
    /* x += B dV B'; of overlapping tiles, one after the other. */
    void (*collect)(const tn_wino_grid *g, const tn_wino_slab *dv, int64_t begin, int64_t end,
                    float *x);
    /* D from dy. */
    void (*spread)(const tn_wino_grid *g, const float *dy, const float *relu, int64_t begin,
                   int64_t end, const tn_wino_slab *d);
    /* L x L filters at w to rows `row` .. row + L - 1 of a block of U, and back. */
    void (*filter)(const float *w, tn_wino_order order, const tn_wino_slab *u, int64_t row,
                   int64_t block);
    void (*filter_back)(float *dw, const tn_wino_slab *du, int64_t row, int64_t block);
} tn_wino_tile;

/* 3 x 3 windows have two: the 4 x 4 tile has 16 places for 4 results, the 6 x 6 one 36 for 16, but less than
 * half the U. */
enum { TN_WINO_4X4, TN_WINO_6X6, TN_WINO_8X8, TN_WINO_TILES };

typedef struct tn_wino_code {
    const char *name;
    int lanes; /* L */
    tn_wino_tile tile[TN_WINO_TILES];
    /* c = a b, where c has `blocks` blocks of columns; a: rows x inner. */
    void (*multiply)(int64_t rows, int64_t inner, int64_t blocks, const tn_wino_matrix *a,
                     const tn_wino_matrix *b, const tn_wino_matrix *c);
    /* c += a' b; a: inner x rows, which are a multiple of 8. */
    void (*multiply_turned)(int64_t rows, int64_t inner, int64_t blocks, const tn_wino_matrix *a,
                            const tn_wino_matrix *b, const tn_wino_matrix *c);
} tn_wino_code;

extern const tn_wino_code tn_wino_avx512, tn_wino_avx2, tn_wino_portable;

#endif
