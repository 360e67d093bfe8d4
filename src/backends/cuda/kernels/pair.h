/*
 * Losses of two tensors of the same shape, element by element: mse, l1, huber and binary_xent, as their files in layers/
 * have them. Each is two launches, the second of one block, which adds up in a fixed order what the first left.
 */
#ifndef TN_PAIR_H
#define TN_PAIR_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

enum tnk_pair_kind { TNK_PAIR_SQUARE, TNK_PAIR_L1, TNK_PAIR_HUBER, TNK_PAIR_BINARY };

/* Which one, and its number: huber's delta, binary_xent's weight of positive targets. */
struct tnk_pair_loss {
    enum tnk_pair_kind kind;
    float number;
};

/* Which of `count` elements the mean is of: the first, `each` to one of the rows that `control` has; all if it is
 * NULL. It divides by `each` times all_rows / shares, see tn_run_state. */
struct tnk_pair_rows {
    const struct tnk_control *control;
    int64_t count, each;
    int32_t shares;
};

/* Either input may be f32 where the kernel's type is not. */
struct tnk_pair_args {
    struct tnk_pair_loss loss;
    const void *x[2]; /* x, target */
    int32_t is_f32[2];
    struct tnk_pair_rows rows;
    float *part; /* a sum each block */
};
TN_KERNEL_DECL_TYPES(tnk_pair, struct tnk_pair_args);

/* One block: mean = sum of part / what it divides by. */
struct tnk_pair_sum_args {
    const float *part;
    int64_t parts;
    struct tnk_pair_rows rows;
    float *mean;
};
TN_KERNEL_DECL(tnk_pair_sum, struct tnk_pair_sum_args);

/* dx: the loss's slopes by x and by target, times dy / what the mean divides by, 0 in rows that do not count; of the type
 * of x, NULL if nobody asks. */
struct tnk_pair_back_args {
    struct tnk_pair_loss loss;
    const void *x[2];
    void *dx[2];
    int32_t is_f32[2];
    struct tnk_pair_rows rows;
    const float *dy;
};
TN_KERNEL_DECL_TYPES(tnk_pair_back, struct tnk_pair_back_args);

#endif
