/*
 * Elements found by whole numbers that a program gives: gather and nll. Numbers are looked at first, by one block, which
 * reports the first that there is not; what follows takes 0 for it.
 */
#ifndef TN_INDEX_H
#define TN_INDEX_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

/* Reports the first index that is neither in [low, high) nor `allowed`, in `fault` unless there is another already, and in
 * `control`. */
struct tnk_index_check_args {
    const int32_t *indices;
    int64_t count, low, high, allowed;
    struct tnk_control *control;
    struct tn_cuda_fault *fault;
    uint64_t where; /* the tn_node */
    int32_t kind;   /* of fault */
};
TN_KERNEL_DECL(tnk_index_check, struct tnk_index_check_args);

/* y[o,j,i] = x[o, indices[j], i], or indices[o,j,i]; x is outer x size x inner. Backward adds to dx, which is 0, what the
 * first of equal indices finds of all of them. */
struct tnk_gather_args {
    const void *from; /* x; backward: dy */
    void *to;         /* y; backward: dx */
    const int32_t *indices;
    int64_t outer, size, inner, count; /* count: lines of y, j */
    int32_t each;                      /* an index for each element */
};
TN_KERNEL_DECL_TYPES(tnk_gather, struct tnk_gather_args);
TN_KERNEL_DECL_TYPES(tnk_gather_back, struct tnk_gather_args);

/* A thread a label; x is outer x size x inner, and its labels outer x inner. */
struct tnk_nll_args {
    const void *x; /* backward: dy, or NULL */
    const int32_t *labels;
    const float *classes;   /* weights of them, or NULL */
    void *losses, *weights; /* NULL: not wanted;  backward: losses is dx */
    int64_t outer, size, inner;
    int32_t ignore;
};
TN_KERNEL_DECL_TYPES(tnk_nll, struct tnk_nll_args);
TN_KERNEL_DECL_TYPES(tnk_nll_back, struct tnk_nll_args);

#endif
