/*
 * top_k: how many elements of its line come before one is its place among the results. A thread counts for one element, and
 * stops at k: of a large line most threads do so soon.
 */
#ifndef TN_TOP_H
#define TN_TOP_H

#include "backends/cuda/kernels/gpu.h"

/* x is outer x size x inner, the results are outer x k x inner; either may be NULL: not wanted. */
struct tnk_top_args {
    const void *x;
    void *values;
    int32_t *indices;
    int64_t outer, size, inner, k;
    int32_t smallest, last;
};
TN_KERNEL_DECL_TYPES(tnk_top, struct tnk_top_args);

#endif
