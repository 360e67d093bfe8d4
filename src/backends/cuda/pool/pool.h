/*
 * What kernels that pool images by our own code have in common.
 */
#ifndef TN_CUDA_POOL_H
#define TN_CUDA_POOL_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/pool.h"

/* Of a pool2d node: are its windows' taps, rows and columns few enough for the kernels? */
tn_status tn_cuda_pool_check(const tn_node *n);
/* Elements that a thread does at a time; the bytes of a pick. */
int64_t tn_cuda_pool_lanes(const tn_node *n, tn_dtype dtype);
size_t tn_cuda_pick_bytes(const tn_node *n);
/* `through`: the tensor whose elements are each written once. */
struct tnk_pool_args tn_cuda_pool_args(const tn_node *n, tn_dtype dtype, const tn_shape *through,
                                       const void *from, void *to);

static inline bool tn_cuda_pools_largest(const tn_node *n)
{
    return ((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MAX;
}

#endif
