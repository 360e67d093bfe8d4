/*
 * What goes before runs and updates: the plan's control written, the gradient's norm, and in f16 the loss
 * scale, which is looked after here without the host. All but tnk_sum_squares are for one block.
 */
#ifndef TN_UPDATE_H
#define TN_UPDATE_H

#include "backends/cuda/kernels/control.h"

/* One thread. */
struct tnk_begin_run_args {
    struct tnk_control *control;
    const struct tn_cuda_fault *fault; /* may be NULL */
    float *loss_start;                 /* gets loss_weight times the loss scale; may be NULL */
    uint64_t seed, step;
    float share_rows[TNK_LABELS];
    int64_t rows, all_rows;
    float loss_weight;
    float first_scale; /* the loss scale, if there was none yet */
    int32_t training, more;
};
TN_KERNEL_DECL(tnk_begin_run, struct tnk_begin_run_args);

/* One thread. */
struct tnk_begin_update_args {
    struct tnk_control *control;
    const struct tn_cuda_fault *fault; /* may be NULL */
    int64_t updates;
    float rate, scale, clip_norm;
    struct tnk_formula formula;
};
TN_KERNEL_DECL(tnk_begin_update, struct tnk_begin_update_args);

/* One thread: what a checkpoint holds. */
struct tnk_set_control_args {
    struct tnk_control *control;
    int64_t skipped;
    float norm, loss_scale, next_scale;
    int32_t growth;
};
TN_KERNEL_DECL(tnk_set_control, struct tnk_set_control_args);

/* part[block] = sum of the squares of the g that this block sees; not finite if one of them is not. Always
 * the same g for the same count and number of blocks, added in the same order. */
struct tnk_sum_squares_args {
    const float *g; /* aligned to 16 bytes */
    double *part;
    int64_t count;
};
TN_KERNEL_DECL(tnk_sum_squares, struct tnk_sum_squares_args);

/* The norm from those parts, clipping (torch.nn.utils.clip_grad_norm_), and, if `scaled`, what a loss scale
 * asks for: an update whose gradients are not finite is left out and halves the scale; TNK_GROWTH good ones
 * in a row double it, up to TNK_MOST_SCALE. As torch.amp.GradScaler. Without it `guard` leaves out an update whose norm is
 * not finite. */
enum { TNK_GROWTH = 2000, TNK_MOST_SCALE = 1 << 24 };
struct tnk_judge_args {
    struct tnk_control *control;
    const double *part;
    int32_t parts;
    int32_t scaled, guard;
};
TN_KERNEL_DECL(tnk_judge, struct tnk_judge_args);

#endif
