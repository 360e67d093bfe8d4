/*
 * Element by element: activations, sums, dropout, bytes to images. All may run in place. Pointers of one
 * call hold numbers of one type, the kernel's, unless they say what else.
 */
#ifndef TN_ELEMENTWISE_H
#define TN_ELEMENTWISE_H

#include "backends/cuda/kernels/gpu.h"

/* y = f(x), count of them. */
struct tnk_map_args {
    const void *x;
    void *y;
    int64_t count;
    float slope;
};
/* dx = dy * f'(x), from y = f(x). */
struct tnk_map_back_args {
    const void *y, *dy;
    void *dx;
    int64_t count;
    float slope;
};

/* x <= 0 ? slope * x : x; with a slope of 0 that is 0 for minus infinity too. A NaN stays one. Backward takes
 * it as it takes numbers that are not above 0. */
TN_KERNEL_DECL_TYPES(tnk_relu, struct tnk_map_args);
TN_KERNEL_DECL_TYPES(tnk_relu_back, struct tnk_map_back_args);
TN_KERNEL_DECL_TYPES(tnk_sigmoid, struct tnk_map_args);
TN_KERNEL_DECL_TYPES(tnk_sigmoid_back, struct tnk_map_back_args);
TN_KERNEL_DECL_TYPES(tnk_tanh, struct tnk_map_args);
TN_KERNEL_DECL_TYPES(tnk_tanh_back, struct tnk_map_back_args);

/* y = a + b. */
struct tnk_add_args {
    const void *a, *b;
    void *y;
    int64_t count;
};
TN_KERNEL_DECL_TYPES(tnk_add, struct tnk_add_args);

/* y = x * (0 where tn_random_at() says so, else scale): layers/dropout.c has the formula. Seed and step
 * are those of the run. */
struct tnk_control;
struct tnk_dropout_args {
    const struct tnk_control *control;
    const void *x;
    void *y;
    int64_t count;
    int64_t first; /* number of the first one in the whole batch */
    uint64_t name; /* hash of the node's */
    uint32_t threshold;
    float scale;
};
TN_KERNEL_DECL_TYPES(tnk_dropout, struct tnk_dropout_args);

/* y[i, c] = (x[i, c] - mean[c]) * scale[c] for pixels i; y has 4 channels, those that x has not are 0. */
struct tnk_image_args {
    const uint8_t *x;
    void *y;
    int64_t pixels;
    int32_t channels; /* of x, 1 to 4 */
    float mean[4], scale[4];
};
TN_KERNEL_DECL_TYPES(tnk_image, struct tnk_image_args);

#endif
