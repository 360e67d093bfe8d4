/*
 * Losses: softmax_xent and mse, as layers/softmax_xent.c and layers/mse.c have them. Each is two launches,
 * the second of one block, which adds up in a fixed order what the first left.
 */
#ifndef TN_LOSS_H
#define TN_LOSS_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

/* ---- softmax_xent -------------------------------------------------------------------------- */

/* A warp does a row of up to so many classes, a block a longer one. */
enum { TNK_XENT_WARP = 1024 };

/* In place of the number of classes above the label. */
enum { TNK_XENT_LEFT_OUT = -1, TNK_XENT_BAD = -2 };

/* Of each row: its loss, how many classes are above the label, and for backward (if not NULL) the largest
 * logit and 1 / the sum of exponentials. */
struct tnk_xent_args {
    const void *logits;
    const int32_t *labels;
    int64_t rows, classes;
    float smoothing;
    float *loss;
    int32_t *better;
    float *most, *share;
};
TN_KERNEL_DECL_TYPES(tnk_xent, struct tnk_xent_args);

/* One block. Results that nobody asks for are NULL. A bad label makes the loss NaN and is reported in
 * `fault`, the first one, unless there is another already, and in `control`. */
struct tnk_xent_sum_args {
    const float *loss;
    const int32_t *better, *labels;
    int64_t rows, classes;
    int32_t top_k;
    float *mean;
    int32_t *top_1, *top_k_count;
    float *each;                 /* for backward: 1 / what the mean divides by */
    struct tnk_control *control; /* has that, where the rows are a share of the batch */
    struct tn_cuda_fault *fault;
    uint64_t where; /* the tn_node */
};
TN_KERNEL_DECL(tnk_xent_sum, struct tnk_xent_sum_args);

/* dx = dy * each * (p - t), in f32 until it is written, because dy may be the loss scale. */
struct tnk_xent_back_args {
    const void *logits;
    const int32_t *labels;
    const float *most, *share, *each, *dy;
    void *dx;
    int64_t rows, classes;
    float smoothing;
};
TN_KERNEL_DECL_TYPES(tnk_xent_back, struct tnk_xent_back_args);

/* ---- mse ----------------------------------------------------------------------------------- */

/* Which of `count` elements the mean is of: the first, `each` to one of the rows that `control` has; all if it is
 * NULL. It divides by `each` times all_rows / shares, see tn_run_state. */
struct tnk_mse_rows {
    const struct tnk_control *control;
    int64_t count, each;
    int32_t shares;
};

/* Either input may be f32 where the kernel's type is not. */
struct tnk_mse_args {
    const void *x[2]; /* x, target */
    int32_t is_f32[2];
    struct tnk_mse_rows rows;
    float *part; /* a sum each block */
};
TN_KERNEL_DECL_TYPES(tnk_mse, struct tnk_mse_args);

/* One block: mean = sum of part / what it divides by. */
struct tnk_mse_sum_args {
    const float *part;
    int64_t parts;
    struct tnk_mse_rows rows;
    float *mean;
};
TN_KERNEL_DECL(tnk_mse_sum, struct tnk_mse_sum_args);

/* dx[0] = 2 / what the mean divides by * dy * (x[0] - x[1]), dx[1] = -dx[0], 0 in rows that do not count; of the type
 * of x, NULL if nobody asks. */
struct tnk_mse_back_args {
    const void *x[2];
    void *dx[2];
    int32_t is_f32[2];
    struct tnk_mse_rows rows;
    const float *dy;
};
TN_KERNEL_DECL_TYPES(tnk_mse_back, struct tnk_mse_back_args);

#endif
