/*
 * What moves elements of tensors in rows: a tn_route in one launch, or two where it does not reach all.
 *
 * An op whose route says all of it is a line a file: TN_CUDA_MOVE("transpose").
 */
#ifndef TN_CUDA_MOVE_H
#define TN_CUDA_MOVE_H

#include "backends/cuda/device/cuda.h"
#include "tensor/route.h"

/* Elements are counted in 32 bits: TN_ERR_UNSUPPORTED if there are more than 2^31 - 1. */
tn_status tn_cuda_check_count(const tn_backend_device *d, const tn_node *n, int64_t count);

/* to = from along the route; elements of `to`, `count` in all, that it does not reach are w->rest. */
tn_status tn_cuda_move_along(const tn_call *c, const tn_route *w, tn_dtype dtype, void *to,
                             const void *from, int64_t count);
/* to = the sums of those elements of `from` that meet in one of `to`, whose every element the route reaches. */
tn_status tn_cuda_sum_along(const tn_call *c, const tn_route *w, tn_dtype dtype, void *to,
                            const void *from);

tn_status tn_cuda_move_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_cuda_move_forward(const tn_call *c);
tn_status tn_cuda_move_backward(const tn_call *c);
#define TN_CUDA_MOVE(name)                                                              \
    {                                                                                   \
        .op = (name), .prepare = tn_cuda_move_prepare, .forward = tn_cuda_move_forward, \
        .backward = tn_cuda_move_backward,                                              \
    }

#endif
