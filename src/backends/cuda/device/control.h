/*
 * What changes from step to step, in device memory (kernels/control.h): entries of backend.h's table.
 */
#ifndef TN_CUDA_BEGIN_H
#define TN_CUDA_BEGIN_H

#include "backends/cuda/device/cuda.h"

enum { TN_CUDA_CONTROL_BYTES = 256 };

tn_status tn_cuda_begin_run(tn_backend_device *d, const tn_run_state *run);
tn_status tn_cuda_begin_update(const tn_optim_call *c);
tn_status tn_cuda_measure(tn_optim_call *c);
tn_status tn_cuda_control_get(tn_backend_device *d, const void *control, tn_control_report *out);
tn_status tn_cuda_control_set(tn_backend_device *d, void *control, const tn_control_report *in);

#endif
