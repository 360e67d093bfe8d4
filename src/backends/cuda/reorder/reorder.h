/*
 * Tensors from one layout into another, sums that the plan asks for, and the half copy of parameters: entries
 * of backend.h's table.
 */
#ifndef TN_CUDA_REORDER_H
#define TN_CUDA_REORDER_H

#include "backends/cuda/device/cuda.h"

tn_status tn_cuda_reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                 const tn_layout *from, const tn_layout *to, void **reorder);
tn_status tn_cuda_reorder_run(void *reorder, void *to, const void *from);
void tn_cuda_reorder_destroy(void *reorder);

tn_status tn_cuda_accumulate(tn_backend_device *d, const tn_layout *layout, void *y, const void *x,
                             size_t bytes);
tn_status tn_cuda_tally(tn_backend_device *d, const tn_run_state *run, double *sum, const void *x,
                        tn_dtype dtype);
tn_status tn_cuda_halve(tn_backend_device *d, tn_precision precision, void *half, const float *w,
                        size_t count);

#endif
