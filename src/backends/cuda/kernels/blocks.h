/*
 * A convolution of few channels and stride s, made one of stride 1 of s * s times as many: x in blocks of s x s
 * pixels, each of which becomes one pixel with the channels of all.
 *
 *     y[n, p, q, k] = sum of w[k, r, s', c] x[n, p s + r - pad, q s + s' - pad, c]
 *                   = sum of W[k, r / s, s' / s, (r % s, s' % s, c)] X[n, p + r / s, q + s' / s, (...)]
 *
 * where X[n, i, j, (a, b, c)] = x[n, i s + a - pad, j s + b - pad, c], 0 outside of x, and W is 0 where r or s'
 * are past the window. x may also be bytes of N x H x W x C, of which each is (byte - mean) scale first. x, w, dw have 4 channels in memory. Types are that of the kernel, but dw is f32.
 * Source: "space to depth" of the first layer, Ying et al. 2018, arXiv:1811.06992, section 3.
 */
#ifndef TN_BLOCKS_H
#define TN_BLOCKS_H

#include "backends/cuda/kernels/divisor.h"

enum { TNK_BLOCKS_CHANNELS = 4 };

/* X: N x rows x columns x (side, side, channels), for sides of 2 and 4 and channels of 3 and 4. */
struct tnk_blocks_args {
    const void *x;        /* or, */
    const uint8_t *bytes; /* if not NULL, these, with `depth` channels */
    float mean[TNK_BLOCKS_CHANNELS], scale[TNK_BLOCKS_CHANNELS];
    int32_t depth;
    void *blocks;
    int64_t count; /* rows of blocks, each `side` pixels; fewer than 2^31 */
    struct tnk_divisor side, columns, rows;
    int32_t channels, height, width, pad[2];
};
TN_KERNEL_DECL_TYPES(tnk_blocks, struct tnk_blocks_args);

/* W: K x R' x S' x (side, side, channels) from w: K x R x S x 4. */
struct tnk_block_weights_args {
    const void *w;
    void *blocks;
    int64_t count;                                    /* elements of W, fewer than 2^31 */
    struct tnk_divisor channels, side, columns, rows; /* columns, rows: S', R' */
    int32_t kernel[2];
};
TN_KERNEL_DECL_TYPES(tnk_block_weights, struct tnk_block_weights_args);

/* dw: K x R x S x 4, f32, from dW; its fourth channel is 0 if there are but 3. */
struct tnk_unblock_weights_args {
    const void *blocks;
    float *dw;
    int64_t count;                /* elements of dw */
    struct tnk_divisor kernel[2]; /* R, S */
    struct tnk_divisor side;
    int32_t channels, rows, columns; /* R', S' */
};
TN_KERNEL_DECL_TYPES(tnk_unblock_weights, struct tnk_unblock_weights_args);

#endif
