/*
 * Pooling of images in nhwc. What a window covers, and what a mean is divided by, stands in layers/pool2d.c.
 *
 * Backward is a loop over dx, each element of which looks at the windows that cover it: nothing is added
 * by two threads, so the order of every sum is fixed.
 */
#ifndef TN_POOL_H
#define TN_POOL_H

#include "backends/cuda/kernels/divisor.h"

/* Pairs are vertical, horizontal. Elements of x, vectors of TNK_POOL_BYTES where channels make whole ones, are
 * fewer than 2^31. */
enum { TNK_POOL_BYTES = 16 };
struct tnk_pool_args {
    const void *from; /* forward: x;  backward: dy */
    void *to;         /* forward: y;  backward: dx */
    void *pick;    /* MAX: for each element of y its tap r * S + s; forward: NULL if nobody asks */
    int64_t count; /* what threads go through: vectors of y; backward: of x */
    int64_t channels;
    int32_t in[2], out[2], kernel[2], pad[2], after[2];
    int32_t reach[2];                 /* pixels that a window spans */
    struct tnk_divisor groups;        /* vectors of a pixel */
    struct tnk_divisor rows, columns; /* of what is gone through */
    struct tnk_divisor stride[2], dilation[2];
    int32_t lanes;      /* of a vector: as many as make TNK_POOL_BYTES, or 1 */
    int32_t pick_bytes; /* of one: 1 or 4, and then lanes is 1 */
    int32_t counts_pad; /* means: 1 if taps in the padding count */
};

/* The first of the largest; NaN is larger than anything, so that it shows. */
TN_KERNEL_DECL_TYPES(tnk_pool_max, struct tnk_pool_args);
TN_KERNEL_DECL_TYPES(tnk_pool_max_back, struct tnk_pool_args);
TN_KERNEL_DECL_TYPES(tnk_pool_mean, struct tnk_pool_args);
TN_KERNEL_DECL_TYPES(tnk_pool_mean_back, struct tnk_pool_args);

#endif
