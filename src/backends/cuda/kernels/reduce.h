/*
 * Sums, maxima and minima over some dimensions. Elements of y are numbered row major, by the dimensions of x that are kept;
 * those of x that meet in one of them by the others. There are fewer than 2^31 of each.
 */
#ifndef TN_REDUCE_H
#define TN_REDUCE_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/divisor.h"

/* Dimensions, and elements of x from one to the next. */
struct tnk_axes {
    int32_t ndim;
    struct tnk_divisor dim[TN_MAX_DIMS];
    int64_t step[TN_MAX_DIMS];
};

/* Which of those that meet count: the first, `each` to one of the rows that `control` has; all if it is NULL. A mean divides
 * by `each` times all_rows / shares, see tn_run_state. */
struct tnk_reduce_rows {
    const struct tnk_control *control;
    int64_t met, each;
    int32_t shares;
};

enum { TNK_REDUCE_MEAN, TNK_REDUCE_SUM, TNK_REDUCE_MAX, TNK_REDUCE_MIN, TNK_REDUCE_EQUAL };

/* EQUAL: how many are of[i], a NaN counting as what a NaN is; y is f32 then. */
struct tnk_reduce_args {
    const void *x, *of;
    void *y;
    int64_t outputs;
    struct tnk_axes kept, met;
    struct tnk_reduce_rows rows;
    int32_t kind;
    int32_t is_f32; /* `y`, or `of`, where the kernel's type is another */
    int32_t wide;   /* rows: a block for each of y, else a warp */
};
/* Where those that meet lie together; and where those beside each other in y do, by blocks of TNK_REDUCE_WIDTH x
 * TNK_REDUCE_LINES threads. */
enum { TNK_REDUCE_WIDTH = 32, TNK_REDUCE_LINES = 16 };
TN_KERNEL_DECL_TYPES(tnk_reduce_rows, struct tnk_reduce_args);
TN_KERNEL_DECL_TYPES(tnk_reduce_columns, struct tnk_reduce_args);

/* dx[i] = dy / what a mean divides by; of a maximum dy / equal where x is y, else 0. 0 in rows that do not count. `to`: the
 * dimensions of x, and elements of y from one to the next. */
struct tnk_reduce_back_args {
    const void *dy, *x, *y;
    const float *equal; /* NULL but of a maximum or minimum */
    void *dx;
    int64_t count, row; /* elements of x; of a row of the batch */
    struct tnk_axes to;
    struct tnk_reduce_rows rows;
    int32_t kind;
    int32_t is_f32; /* dy and y */
};
TN_KERNEL_DECL_TYPES(tnk_reduce_back, struct tnk_reduce_back_args);

#endif
