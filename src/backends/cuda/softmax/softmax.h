/* softmax and log_softmax by kernels of our own: a warp a line, or a block a long one, where a line's elements are
 * beside each other, as an image's channels are here; else a thread a line. Sums in f32.
 * The logarithm saves what a line is less by. */
#ifndef TN_CUDA_SOFTMAX_H
#define TN_CUDA_SOFTMAX_H

#include "backends/cuda/device/cuda.h"

tn_status tn_cuda_softmax_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b, bool log);
tn_status tn_cuda_softmax_forward(const tn_call *c, bool log);
tn_status tn_cuda_softmax_backward(const tn_call *c, bool log);
void tn_cuda_softmax_release(void *state);

#endif
