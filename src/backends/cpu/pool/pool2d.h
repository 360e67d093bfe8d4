/*
 * Pooling of images in blocks of channels, one vector a pixel: N x C/L x H x W x L, compiled once for each
 * width of vectors. What a window covers, and what a mean is divided by, stands in layers/pool2d.c.
 *
 * Forward goes through the rows of y. Backward goes through the rows of dx, each of which looks at the
 * windows that cover it: no row is written twice, so rows may be shared out among threads as one likes and
 * the same bits come out.
 *
 * MAX saves for each element of y the tap r * S + s that was the largest, or TN_POOL_NO_TAP where relu has
 * made it 0: so backward needs neither x nor y. A byte each, as long as it can count a window's taps.
 */
#ifndef TN_CPU_POOL2D_H
#define TN_CPU_POOL2D_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tn_pool_code tn_pool_code;

/* Pairs are vertical, horizontal. */
typedef struct tn_pool {
    const tn_pool_code *code;
    char name[48];
    bool max, relu, counts_pad;
    int64_t planes; /* images x blocks of channels */
    int64_t in[2], out[2], kernel[2], stride[2], pad[2], after[2];
    int64_t dilation[2], reach[2]; /* reach: pixels that a window spans */
    int64_t whole[2][2];           /* windows begin .. end - 1 of each direction lie in the image */
    int tap_bytes;                 /* of a saved tap: 1, 4 or, if none are saved, 0 */
    /* If windows do not overlap nor leave gaps in a row: the columns that they cover. Else 0. */
    int64_t covered;
} tn_pool;

enum { TN_POOL_NO_TAP = -1, TN_POOL_BYTE_TAPS = 255 /* that a byte can count, beside none */ };

/* One row of y, from a plane of x; one row of dx, from a plane of dy. */
struct tn_pool_code {
    const char *name;
    int lanes; /* L */
    /* taps: of that row, or NULL: not asked for */
    void (*forward)(const tn_pool *p, const float *x, int64_t row, float *y, void *taps);
    /* taps: of the plane */
    void (*backward)(const tn_pool *p, const float *dy, const void *taps, int64_t row, float *dx);
};

extern const tn_pool_code tn_pool_avx512, tn_pool_avx2, tn_pool_portable;

#endif
