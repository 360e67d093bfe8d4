/*
 * Softmax, or its logarithm: of rows, and across rows of blocks of `columns` x `inner`. A warp does a row of up to
 * TNK_SOFTMAX_WARP columns, a block a longer one; where elements are `inner` apart a thread does them.
 */
#ifndef TN_SOFTMAX_H
#define TN_SOFTMAX_H

#include <stdbool.h>

#include "backends/cuda/kernels/gpu.h"

enum { TNK_SOFTMAX_WARP = 1024 };

/* y may be x. */
struct tnk_softmax_args {
    const void *x;
    void *y;
    int64_t rows, columns, inner; /* blocks of columns x inner */
    bool log;
    float *
        less; /* of the logarithm: the two numbers that each line was less by, NULL if nobody asks */
};
TN_KERNEL_DECL_TYPES(tnk_softmax, struct tnk_softmax_args); /* inner is 1 */
TN_KERNEL_DECL_TYPES(tnk_softmax_across, struct tnk_softmax_args);

/* dx may be dy. Of the logarithm y is x, and `less` what forward has found: a y rounded to 8 bits would not do. */
struct tnk_softmax_back_args {
    const void *y, *dy;
    const float *less;
    void *dx;
    int64_t rows, columns, inner;
    bool log;
};
TN_KERNEL_DECL_TYPES(tnk_softmax_back, struct tnk_softmax_back_args);
TN_KERNEL_DECL_TYPES(tnk_softmax_across_back, struct tnk_softmax_back_args);

#endif
