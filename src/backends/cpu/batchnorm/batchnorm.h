/*
 * batchnorm on the CPU: what is done to one tile, for each set of instructions (code.c).
 *
 * A tile is `pixels` pixels of `width` lanes side by side. Lanes are channels of a group, or, where pixels of one channel lie
 * side by side, pixels of it: then what is given and found is one number for all lanes. Sums of up to 64 numbers are f32,
 * those of these double.
 */
#ifndef TN_CPU_BATCHNORM_H
#define TN_CPU_BATCHNORM_H

#include "backends/cpu/device/channels.h"

typedef struct tn_bn_tile {
    int width;
    int64_t pixels, step;
    int64_t bits_step; /* bytes of bits from one pixel to the next, a bit a lane */
} tn_bn_tile;

/* Of the numbers of each lane: how many, their mean, the sum of their squared distances from it. */
typedef struct tn_bn_moments {
    double count, mean[TN_MOST_LANES], square[TN_MOST_LANES];
} tn_bn_moments;

/* The sums of g and of g (x - mean). */
typedef struct tn_bn_sums {
    double even[TN_MOST_LANES], off[TN_MOST_LANES];
} tn_bn_sums;

/* What is done with v last: nothing, or it is held between two numbers, of which relu's are 0 and none. */
typedef struct tn_bn_end {
    enum { TN_BN_PLAIN, TN_BN_RELU, TN_BN_CLIP } kind;
    float low, high;
} tn_bn_end;

/* What each lane is computed with: v = (x - mean) scale + shift, plus z if there is one, and the end of that; g is dy where v was
 * between the two: where the bits say it, and else where v is found to be. */
typedef struct tn_bn_lanes {
    float mean[TN_MOST_LANES], scale[TN_MOST_LANES], shift[TN_MOST_LANES];
    float even[TN_MOST_LANES], slope[TN_MOST_LANES]; /* dx = scale (g - even - (x - mean) slope) */
    tn_bn_end end;
} tn_bn_lanes;

/* NULL where there is none or nobody asks: z, bits, dx, dz. x NULL: pixels of rows without a sample, of which v and dx are 0. */
typedef struct tn_bn_code {
    void (*measure)(const tn_bn_tile *t, const float *x, tn_bn_moments *m);
    void (*apply)(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *z,
                  float *y, uint8_t *bits);
    void (*sum)(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *dy,
                const uint8_t *bits, tn_bn_sums *sums);
    void (*back)(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *dy,
                 const uint8_t *bits, float *dx, float *dz);
} tn_bn_code;

extern const tn_bn_code tn_bn_avx512, tn_bn_avx2, tn_bn_portable;

#endif
