/*
 * How optimizers go over the arenas: all of it in one launch, unless the ranges do not fit into its arguments.
 *
 * The table of ranges travels with the launch. So there is nothing to allocate, upload or keep, and a recording
 * has the table in it: it is the plan's and never changes. Neighbours with the same multipliers are one
 * range, so there are at most as many as parameters: 16 in AlexNet, 161 in ResNet-50; 240 fit.
 */
#ifndef TN_CUDA_ARENA_H
#define TN_CUDA_ARENA_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/optim.h"

/* Launches the optimizer's kernel, for the half copy's type, with its arguments. */
typedef cudaError_t tn_cuda_update(const tn_optim_call *c, tn_dtype half, unsigned grid,
                                   void *args);

/* `arena` is in `args`; it is filled in here. */
tn_status tn_cuda_update_arena(const tn_optim_call *c, tn_cuda_update *update, void *args,
                               struct tnk_arena *arena);

#endif
