#include "backends/cuda/optim/_adam.h"

static tn_status update(const tn_optim_call *c)
{
    return tn_cuda_adam(c, true);
}

const tn_optim_kernel tn_cuda_optim_adamw = {
    .optim = "adamw", .update = update, .formula = tn_cuda_adam_formula};
