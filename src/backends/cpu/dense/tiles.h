/*
 * dense of a batch that is small beside its weights, whose matrix W (K x D) is kept in tiles of 16 x 16,
 * [K/16][D/16][16][16], filled up with zeros. Vectors go along the images, so that each weight is read
 * once and multiplied with all of them:
 *
 *     forward             Y' = W X'      K x N
 *     backward, data      dX' = W' dZ'   D x N      dZ: dY, where a relu lets it through
 *     backward, weights   dW = dZ' X     K x D      vectors along D, right into the tiles
 *
 * X', Y', dZ' and dX' are in panels, blocks of L images as vectors have lanes: [N/L][D or K][L], also
 * filled up with zeros; X is in blocks of 16 inputs, [D/16][N][16]. They are made in scratch, where they
 * are small beside W. The layout of W is the same for all widths of vectors.
 */
#ifndef TN_CPU_DENSE_TILES_H
#define TN_CPU_DENSE_TILES_H

#include <stdbool.h>
#include <stdint.h>

enum { TN_TILE = 16, TN_TILE_FLOATS = TN_TILE * TN_TILE };

/* A layer's sizes. */
typedef struct tn_tiles {
    int64_t N, K, D;
    int64_t wide_N, wide_K, wide_D; /* in whole vectors and tiles */
    bool stream;                    /* dW is written past the caches; it is aligned to 64 bytes */
} tn_tiles;

/* Each does 16 rows of the result, those of tile number `tile`, and of the dimension that it walks along
 * begin .. end - 1, where begin is a multiple of 16. */
typedef struct tn_tiles_code {
    const char *name;
    int lanes; /* L */
    /* Of the dimension that is walked along, so many at a time, a multiple of 16: rows of a panel, which
     * stay in L2, two vectors of them in L1, while weights pass by; and no more than 16 tiles of W, which
     * may all be wanted in the same lines of L2: one below the other they are a multiple of 1024 bytes
     * apart. */
    int64_t chunk;
    /* Of Y', sums over those inputs, which are added if begin is not 0. */
    void (*forward)(const tn_tiles *t, const float *w, const float *x, int64_t tile, int64_t begin,
                    int64_t end, float *y);
    /* Of dX', sums over those units, likewise. */
    void (*data)(const tn_tiles *t, const float *w, const float *dz, int64_t tile, int64_t begin,
                 int64_t end, float *dx);
    /* Of dW, those columns. */
    void (*weights)(const tn_tiles *t, const float *dz, const float *x, int64_t tile, int64_t begin,
                    int64_t end, float *dw);
} tn_tiles_code;

extern const tn_tiles_code tn_tiles_avx512, tn_tiles_avx2, tn_tiles_portable;

#endif
