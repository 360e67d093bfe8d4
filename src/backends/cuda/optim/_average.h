/*
 * Numbers beside the parameters: entries of backend.h's table.
 */
#ifndef TN_CUDA_AVERAGE_H
#define TN_CUDA_AVERAGE_H

#include "backends/cuda/device/cuda.h"

tn_status tn_cuda_copy(tn_backend_device *d, float *to, const float *from, size_t count);
tn_status tn_cuda_swap(tn_backend_device *d, float *a, float *b, size_t count);
tn_status tn_cuda_restore(const tn_optim_call *c, float *to, const float *from, size_t count);
tn_status tn_cuda_average(const tn_optim_call *c, float *average, const float *w, size_t count);

#endif
