/* Elements that meet along a tn_route, whose `to` is row major and stays where it is along some dimensions. */
#ifndef TN_CUDA_REDUCE_H
#define TN_CUDA_REDUCE_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/reduce.h"
#include "tensor/route.h"

typedef struct tn_cuda_reduction {
    struct tnk_reduce_args args; /* without pointers, and all rows count */
    bool columns;                /* those beside each other in `to` lie together */
} tn_cuda_reduction;

tn_cuda_reduction tn_cuda_reduction_of(const tn_route *w, int kind);
tn_status tn_cuda_reduce_along(const tn_call *c, const tn_cuda_reduction *r, tn_dtype dtype);

#endif
