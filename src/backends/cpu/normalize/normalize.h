/*
 * normalize on the CPU: what is done to one group, for each set of instructions (code.c). Sums are double.
 *
 * Where a channel has one element (layer norm) the loops go over channels, else over a channel's elements.
 */
#ifndef TN_CPU_NORMALIZE_H
#define TN_CPU_NORMALIZE_H

#include <stdint.h>

/* Of one group; NULL weights are ones, a NULL bias zeros. */
typedef struct tn_norm_group {
    int64_t channels, area;
    const float *weight, *bias;
} tn_norm_group;

/* What backward needs of a group. */
typedef struct tn_norm_saved {
    double mean, inverse; /* 1 / sqrt(var + epsilon) */
} tn_norm_saved;

typedef struct tn_norm_code {
    tn_norm_saved (*forward)(const tn_norm_group *g, const float *x, double epsilon, float *y);
    /* Adds to product and sum, one of each a channel, what dweight and dbias are; dx may be NULL. */
    void (*backward)(const tn_norm_group *g, const tn_norm_saved *s, const float *x,
                     const float *dy, double *product, double *sum, float *dx);
} tn_norm_code;

extern const tn_norm_code tn_norm_avx512, tn_norm_avx2, tn_norm_portable;

#endif
