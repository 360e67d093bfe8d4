/*
 * What kernels could not go on with, plan by plan.
 */
#ifndef TN_CUDA_FAULT_H
#define TN_CUDA_FAULT_H

#include "backends/cuda/device/device.h"

struct tn_cuda_fault; /* kernels/control.h */

tn_status tn_cuda_faults_open(tn_backend_device *d);
void tn_cuda_faults_close(tn_backend_device *d);

/* A place for the plan of this control, as kernels see it; the same each time, until it is dropped. */
tn_status tn_cuda_fault_claim(tn_backend_device *d, const void *control,
                              struct tn_cuda_fault **out);
/* That place, or NULL. */
struct tn_cuda_fault *tn_cuda_fault_of(const tn_backend_device *d, const void *control);
/* It is forgotten, and what is there with it. */
void tn_cuda_fault_drop(tn_backend_device *d, const void *control);

/* Entry of backend.h. */
tn_status tn_cuda_found(tn_backend_device *d, const void *control);

#endif
