/*
 * Softmax of rows. A warp does a row of up to TNK_SOFTMAX_WARP columns, a block a longer one.
 */
#ifndef TN_SOFTMAX_H
#define TN_SOFTMAX_H

#include "backends/cuda/kernels/gpu.h"

enum { TNK_SOFTMAX_WARP = 1024 };

/* y may be x. */
struct tnk_softmax_args {
    const void *x;
    void *y;
    int64_t rows, columns;
};
TN_KERNEL_DECL_TYPES(tnk_softmax, struct tnk_softmax_args);

/* dx may be dy. */
struct tnk_softmax_back_args {
    const void *y, *dy;
    void *dx;
    int64_t rows, columns;
};
TN_KERNEL_DECL_TYPES(tnk_softmax_back, struct tnk_softmax_back_args);

#endif
