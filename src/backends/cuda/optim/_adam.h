#ifndef TN_CUDA_ADAM_H
#define TN_CUDA_ADAM_H

#include "backends/cuda/device/cuda.h"

/* decoupled: weight decay shrinks w itself (AdamW) and does not enter g (Adam). */
tn_status tn_cuda_adam(const tn_optim_call *c, bool decoupled);
/* tn_optim_kernel.formula of both. */
void tn_cuda_adam_formula(const tn_optim *optim, void *to);

#endif
