/* Losses of two tensors, element by element, on a GPU: by kernels of our own, in rows. Each input keeps the type that it
 * comes in, so that a target that the host set is not rounded to the plan's type. */
#ifndef TN_CUDA_PAIR_H
#define TN_CUDA_PAIR_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/pair.h"

tn_status tn_cuda_pair_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_cuda_pair_forward(const tn_call *c, enum tnk_pair_kind kind, float number);
tn_status tn_cuda_pair_backward(const tn_call *c, enum tnk_pair_kind kind, float number);
void tn_cuda_pair_release(void *state);

#endif
