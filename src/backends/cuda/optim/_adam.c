/* adam and adamw: one pass, bound by memory: reads w, g, m, v and writes w, m, v and the half copy once. */
#include "backends/cuda/optim/_adam.h"

#include <math.h>

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/optim/_arena.h"

static cudaError_t launch(const tn_optim_call *c, tn_dtype half, unsigned grid, void *args)
{
    struct tnk_adam_args *a = args;
    return TN_LAUNCH_TYPE(half, tnk_adam, grid, TN_CUDA_BLOCK, 0, c->device->compute, a);
}

tn_status tn_cuda_adam(const tn_optim_call *c, bool decoupled)
{
    struct tnk_adam_args a = {.decoupled = decoupled};
    return tn_cuda_update_arena(c, launch, &a, &a.arena);
}

void tn_cuda_adam_formula(const tn_optim *optim, void *to)
{
    const tn_adam_opts *o = &optim->opts.adam;
    struct tnk_formula *f = to;
    f->decay = o->weight_decay;
    f->adam.beta1 = o->beta1;
    f->adam.beta2 = o->beta2;
    f->adam.rest1 = 1 - o->beta1;
    f->adam.rest2 = 1 - o->beta2;
    f->adam.log1 = (float)log((double)o->beta1);
    f->adam.log2 = (float)log((double)o->beta2);
    f->adam.epsilon = o->epsilon;
}
