#include "backends/cuda/optim/_adam.h"

static tn_status update(const tn_optim_call *c)
{
    return tn_cuda_adam(c, false);
}

const tn_optim_kernel tn_cuda_optim_adam = {
    .optim = "adam", .update = update, .formula = tn_cuda_adam_formula};
