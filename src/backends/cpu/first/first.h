/*
 * Direct convolution of images with few channels, a net's first layer, in parts that stay in registers. x
 * is row major; y, in blocks of L channels as vectors have lanes, and filters are
 *
 *     y: N x K/L x P x Q x L      w: K/L x R x S x C x L, as is dw
 *
 * Work is cut into bands: some rows of one image's y. For each a thread first copies what they need of x,
 * with zeros around it, so that no window is a special case:
 *
 *     band: C x ((rows - 1) stride + R) x width
 *     forward             pixels side by side x filters     sums over the window's C R S taps
 *     backward, weights   taps side by side x filters       sums over the band's pixels, added to dw
 *
 * There is no backward pass for data: such a layer stands behind an input.
 *
 * A maximum of 2 x 2 behind it is done as well where the code has that (first/pool.c). Then y, P x Q and all rows
 * below are those of the pooled image. What is pooled never leaves the registers, nor is there a gradient of it:
 * of each window's four only the largest has any, so that dw is a sum over a quarter of the pixels,
 *
 *     dw[k, c, r, 0 .. 7] += dy[k, window] x[c, r + where the window's largest is in filter k, and on]
 *
 * with a row of a filter, up to 8 taps, as a vector.
 */
#ifndef TN_CPU_CONV_FEW_H
#define TN_CPU_CONV_FEW_H

#include <stdbool.h>
#include <stdint.h>

/* A layer's sizes; pairs are vertical, horizontal. */
typedef struct tn_few {
    int64_t C, K; /* channels of x; blocks of channels of y */
    int64_t in[2], out[2], kernel[2], stride[2], pad[2];
    bool pooled;           /* out: of the pooled image */
    int64_t width, height; /* of a band, in x */
    int64_t rows;          /* of a band, in y, at most */
    bool relu;
} tn_few;

typedef struct tn_few_code {
    const char *name;
    int lanes;    /* L */
    int channels; /* with more, oneDNN's code for such a processor is as fast */
    /* `rows` rows of y, in all blocks. bias: whole blocks, or NULL. */
    void (*forward)(const tn_few *s, const float *band, int64_t rows, const float *w,
                    const float *bias, float *y);
    /* dw += and db +=, from `rows` rows of dz, whose blocks are `pitch` floats apart. Either may be NULL. */
    void (*weights)(const tn_few *s, const float *band, int64_t rows, const float *dz,
                    int64_t pitch, float *dw, float *db);

    /* With the maximum; NULL: there is no such code. taps: which of a window's four, a byte as pool/pool2d.h has them,
     * laid out as y is; or NULL: not asked for. */
    void (*forward_pooled)(const tn_few *s, const float *band, int64_t rows, const float *w,
                           const float *bias, float *y, uint8_t *taps);
    /* dw += and db +=, of one block's first `filters`: dw is filters x C x R x 8. where, dz: room for a vector each
     * a pixel, of what counts of dy and where in the band it comes from. */
    void (*weights_pooled)(const tn_few *s, const float *band, int64_t rows, const float *dy,
                           const uint8_t *taps, int64_t filters, int32_t *where, float *dz,
                           float *dw, float *db);
} tn_few_code;

enum { TN_FEW_POOLED_WIDTH = 8 /* of filters, at most */ };

extern const tn_few_code tn_few_avx2, tn_few_portable;

#endif
