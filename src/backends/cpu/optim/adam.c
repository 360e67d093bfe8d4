#include "backends/cpu/optim/_adam.h"

static tn_status update(const tn_optim_call *c)
{
    return tn_cpu_adam(c, false);
}

const tn_optim_kernel tn_cpu_optim_adam = {.optim = "adam", .update = update};
