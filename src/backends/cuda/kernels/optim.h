/*
 * One update of all parameters: one pass over the flat arenas. Rate, factor of the gradients, the numbers of the
 * optimizer's formula, number of the update and whether it is left out are in the plan's control. A kernel's own type is that of the half copy
 * of w, which it writes too; f32: there is none.
 */
#ifndef TN_OPTIM_KERNELS_H
#define TN_OPTIM_KERNELS_H

#include "backends/cuda/kernels/gpu.h"

struct tnk_control;

/* Elements from where the last range ended up to `end`. rate: multiplies the rate of the update; below 0,
 * they are left alone. decay: multiplies the weight decay. */
struct tnk_range {
    int64_t end;
    float rate, decay;
};

/* A launch takes 4 KiB of arguments, so this many ranges; those that are more take one launch each time. */
enum { TNK_RANGES = 240 };
struct tnk_arena {
    struct tnk_control *control;
    float *w, *slot[2]; /* slots: what the optimizer keeps, or NULL; all aligned to 16 bytes */
    void *half;
    const float *g;
    int64_t begin; /* elements before it are not this launch's */
    int32_t num_ranges;
    struct tnk_range range[TNK_RANGES];
};

/* v = momentum v + d;  w -= r (a d + b v), d = factor g + decay w.   Slots: v, or none: then v is d. */
struct tnk_sgd_args {
    struct tnk_arena arena;
};
TN_KERNEL_DECL_TYPES(tnk_sgd, struct tnk_sgd_args);

/* As backends/cpu/optim/_adam.c. rest: 1 - beta; log: of beta. Slots: m, v. */
struct tnk_adam_args {
    int32_t decoupled;
    struct tnk_arena arena;
};
TN_KERNEL_DECL_TYPES(tnk_adam, struct tnk_adam_args);

#endif
