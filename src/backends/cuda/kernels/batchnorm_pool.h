/*
 * Batch normalisation of images in nhwc with a relu and the largest of windows behind it: what is between them is in no memory.
 */
#ifndef TN_BATCHNORM_POOL_H
#define TN_BATCHNORM_POOL_H

#include "backends/cuda/kernels/batchnorm.h"
#include "backends/cuda/kernels/pool.h"

/* Forward, a thread a vector of y: y is the largest of what x's elements in the window become (see tnk_batchnorm_args), pool.pick
 * its tap and `largest` the x there; NULL: nobody asks. y is 0 in images that do not count. Backward, a thread a vector of x:
 * what is let through of dy, of the windows whose tap it is, becomes dx as in tnk_batchnorm_back_args. The sums of that are
 * those over `largest` and dy. */
struct tnk_batchnorm_pool_args {
    struct tnk_columns grid;
    struct tnk_pool_args pool; /* from x to y; backward: from dy to dx */
    void *largest;
    const void *x; /* backward */
    const float *mean, *var, *weight, *bias, *coefficient;
    float epsilon;
    int32_t relu;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_pool, struct tnk_batchnorm_pool_args);
TN_KERNEL_DECL_TYPES(tnk_batchnorm_pool_back, struct tnk_batchnorm_pool_args);

#endif
