/* conv_transpose2d on a GPU: the passes of the convolution that it is the adjoint of (backends/adjoint.h), by whichever
 * kernels that has, and our own for the bias. */
#ifndef TN_CUDA_ADJOINT_H
#define TN_CUDA_ADJOINT_H

#include "backends/cuda/device/cuda.h"

tn_status tn_cuda_adjoint_prepare(const tn_kernel *kernel, tn_backend_device *d, const tn_node *n,
                                  tn_binding *b);
tn_status tn_cuda_adjoint_forward(const tn_call *c);
tn_status tn_cuda_adjoint_backward(const tn_call *c);
const char *tn_cuda_adjoint_describe(const void *state);
void tn_cuda_adjoint_release(void *state);

#endif
