/* sgd: one pass, bound by memory: reads w, g, v and writes w, v and the half copy once. */
#include "backends/cuda/kernels/control.h"
#include "backends/cuda/optim/_arena.h"

static cudaError_t launch(const tn_optim_call *c, tn_dtype half, unsigned grid, void *args)
{
    struct tnk_sgd_args *a = args;
    return TN_LAUNCH_TYPE(half, tnk_sgd, grid, TN_CUDA_BLOCK, 0, c->device->compute, a);
}

static tn_status update(const tn_optim_call *c)
{
    struct tnk_sgd_args a = {0};
    return tn_cuda_update_arena(c, launch, &a, &a.arena);
}

static void formula(const tn_optim *optim, void *to)
{
    const tn_sgd_opts *o = &optim->opts.sgd;
    struct tnk_formula *f = to;
    f->decay = o->weight_decay;
    f->sgd.momentum = o->momentum;
    f->sgd.a = o->nesterov ? 1.0f : 0.0f;
    f->sgd.b = o->nesterov ? o->momentum : 1.0f;
}

const tn_optim_kernel tn_cuda_optim_sgd = {.optim = "sgd", .update = update, .formula = formula};
