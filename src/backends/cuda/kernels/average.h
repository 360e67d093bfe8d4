/*
 * Numbers beside the parameters: their averages, and statistics that an update which is left out brings back.
 */
#ifndef TN_AVERAGE_H
#define TN_AVERAGE_H

#include "backends/cuda/kernels/gpu.h"

struct tnk_control;

/* to = from, if the update is left out. All here: aligned to 16 bytes. */
struct tnk_restore_args {
    const struct tnk_control *control;
    float *to;
    const float *from;
    int64_t count;
};
TN_KERNEL_DECL(tnk_restore, struct tnk_restore_args);

/* average += k (w - average), if it is not; k: `rest`, which is 1 - decay, or with `warmup` the larger of that and
 * 9 / (9 + t), t being the number of the update, from 1, without those left out. The first time average = w. */
struct tnk_average_args {
    const struct tnk_control *control;
    float *average;
    const float *w;
    int64_t count;
    float rest;
    int32_t warmup;
};
TN_KERNEL_DECL(tnk_average, struct tnk_average_args);

/* a and b change places. */
struct tnk_swap_args {
    float *a, *b;
    int64_t count;
};
TN_KERNEL_DECL(tnk_swap, struct tnk_swap_args);

#endif
