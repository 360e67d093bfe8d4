/*
 * softmax_xent, as layers/softmax_xent.c has it: a launch over labels, then one of one block, which adds up in a fixed
 * order what the first left, after one of several where labels are many.
 */
#ifndef TN_XENT_H
#define TN_XENT_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

/* A warp does a row of up to so many classes, a block a longer one. */
enum { TNK_XENT_WARP = 1024 };

/* In place of the number of classes above the label. */
enum { TNK_XENT_LEFT_OUT = -1, TNK_XENT_BAD = -2 };

/*
 * Logits are rows of `classes` beside each other, or blocks of classes x inner, where a label's are `inner` apart (the
 * kernels called across: a thread a label). Weights of rows and of classes may be NULL: ones.
 *
 * Of each label: its loss without the weight of its row, how many classes are above it, and for backward (if not NULL)
 * the largest logit and 1 / the sum of exponentials.
 */
struct tnk_xent_args {
    const void *logits;
    const int32_t *labels;
    const float *class_weights;
    int64_t rows, classes, inner; /* rows: labels */
    float smoothing;
    float *loss;
    int32_t *better;
    float *most, *share;
};
TN_KERNEL_DECL_TYPES(tnk_xent, struct tnk_xent_args);
TN_KERNEL_DECL_TYPES(tnk_xent_across, struct tnk_xent_args);

/* What some of the labels add up to. */
struct tnk_xent_sums {
    double loss, divisor;
    int64_t first, some, bad;
};

/* First `parts` blocks, each of which adds up a stretch of labels; then one block adds up those. Where labels are few
 * one block does it all: part is NULL. Results that nobody asks for are NULL. A bad label makes the loss NaN and is
 * reported in `fault`, the first one, unless there is another already, and in `control`. */
struct tnk_xent_sum_args {
    const float *loss, *row_weights, *class_weights;
    const int32_t *better, *labels;
    int64_t rows, classes;
    int32_t top_k;
    struct tnk_xent_sums *part;
    int32_t parts;
    float *mean;
    int32_t *top_1, *top_k_count;
    float *each; /* for backward: 1 / what the mean divides by; the sum of classes' weights */
    struct tnk_control *control; /* has the divisor, where the rows are a share of the batch, */
    int32_t number;              /* of these labels */
    struct tn_cuda_fault *fault;
    uint64_t where; /* the tn_node */
};
TN_KERNEL_DECL(tnk_xent_part, struct tnk_xent_sum_args);
TN_KERNEL_DECL(tnk_xent_sum, struct tnk_xent_sum_args);

/* dx = dy * each * (p * sum of t - t), in f32 until it is written, because dy may be the loss scale. */
struct tnk_xent_back_args {
    const void *logits;
    const int32_t *labels;
    const float *most, *share, *each, *dy, *row_weights, *class_weights;
    void *dx;
    int64_t rows, classes, inner;
    float smoothing;
};
TN_KERNEL_DECL_TYPES(tnk_xent_back, struct tnk_xent_back_args);
TN_KERNEL_DECL_TYPES(tnk_xent_across_back, struct tnk_xent_back_args);

/* The gradient of rows' weights, dy * each * loss. */
struct tnk_xent_rows_back_args {
    const float *loss, *each, *dy;
    const int32_t *better;
    float *dx;
    int64_t rows;
};
TN_KERNEL_DECL(tnk_xent_rows_back, struct tnk_xent_rows_back_args);

#endif
