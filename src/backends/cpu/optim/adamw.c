#include "backends/cpu/optim/_adam.h"

static tn_status update(const tn_optim_call *c)
{
    return tn_cpu_adam(c, true);
}

const tn_optim_kernel tn_cpu_optim_adamw = {.optim = "adamw", .update = update};
