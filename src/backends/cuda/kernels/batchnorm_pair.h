/*
 * Two batch normalisations that meet in an addition, with the relu behind it: neither's y is in any memory.
 */
#ifndef TN_BATCHNORM_PAIR_H
#define TN_BATCHNORM_PAIR_H

#include "backends/cuda/kernels/batchnorm.h"

struct tnk_norm {
    const void *x;
    const float *mean, *var, *weight, *bias;
    float epsilon;
};

/* y is the sum of what both make of their x, as in tnk_batchnorm_args. */
struct tnk_batchnorm_pair_args {
    struct tnk_columns grid;
    struct tnk_norm of[2];
    void *y; /* may be either x */
    uint8_t *bits;
    int32_t relu;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_pair, struct tnk_batchnorm_pair_args);

/* g is dy where the bits are set, or all of it: the sums of g and of g (x - mean) of each, as tnk_batchnorm_add wants them. */
struct tnk_batchnorm_pair_sums_args {
    struct tnk_columns grid;
    struct tnk_norm of[2];
    const void *dy;
    const uint8_t *bits;
    float *part[2];
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_pair_sums, struct tnk_batchnorm_pair_sums_args);

/* dx of each: NULL if nobody asks; either may be dy. */
struct tnk_batchnorm_pair_back_args {
    struct tnk_columns grid;
    struct tnk_norm of[2];
    const void *dy;
    const uint8_t *bits;
    const float *coefficient[2];
    void *dx[2];
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_pair_back, struct tnk_batchnorm_pair_back_args);

#endif
