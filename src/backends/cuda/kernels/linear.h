/*
 * What matrix products leave to be done for dense and conv2d: biases and their gradients, the gradient of an
 * absorbed relu, and convolutions as matrix products.
 */
#ifndef TN_LINEAR_H
#define TN_LINEAR_H

#include "backends/cuda/kernels/divisor.h"
#include "backends/cuda/kernels/gpu.h"

/* y[r, c] = f(y[r, c] + bias[c] + z[r, c]) for `count` elements of rows of `cols`; f is max(., 0), which leaves
 * a NaN as it is, or nothing. `bias` is of y's type, for the first `biases` columns, and may be NULL: none; so may z. */
struct tnk_bias_relu_args {
    void *y;
    const void *bias, *z;
    int64_t count, cols, biases;
    int32_t relu;
};
TN_KERNEL_DECL_TYPES(tnk_bias_relu, struct tnk_bias_relu_args);

/* dz = dy where y > 0, else 0;  sum[k, c] = sum of dz[r, c] over the rows of part k out of `parts`, which
 * are cut evenly. Without y, dz is dy and not written; `sum` may be NULL. dy, y, dz: rows x cols; sum: parts
 * x cols, which the same kernel then sums once more. Rows of dy and y are `pitch` elements apart.
 * tiles * parts blocks of TNK_SUM_BLOCK threads, of which `across` (a power of 2) stand side by side, each
 * with 16 bytes of a row, and the others in rows below; a tile is as many columns. */
enum { TNK_SUM_BLOCK = 256 };
struct tnk_sum_rows_args {
    const void *dy, *y;
    void *dz;
    float *sum;
    int64_t rows, cols, tiles;
    int64_t pitch; /* elements from one row of dy and y to the next; those of dz have no gaps */
    int32_t parts, across;
};
TN_KERNEL_DECL_TYPES(tnk_sum_rows, struct tnk_sum_rows_args);

/* y = sum over `parts` of part[i], each of `count` numbers, or y += that if `add`. */
struct tnk_sum_parts_args {
    const float *part;
    float *y;
    int64_t count;
    int32_t parts, add;
};
TN_KERNEL_DECL(tnk_sum_parts, struct tnk_sum_parts_args);

/* A convolution's images, window and groups. Padded images have fewer than 2^31 rows and columns. */
struct tnk_window {
    int32_t height, width; /* of x */
    int32_t stride[2], pad[2], dilation[2];
    struct tnk_divisor P, Q, G, R, S;
};

/* One row for each pixel of y: what its window sees of x, 0 outside of it, for one group after the other.
 *     col[n, p, q, g, r, s, c] = x[n, p * stride + r * dilation - pad, q ..., g, c]
 * x: N x H x W x G x C;  moved in units of 2, 4, 8 or 16 bytes, of which a group has `units` and col `count`,
 * fewer than 2^31. */
struct tnk_im2col_args {
    const void *x;
    void *col;
    int64_t count;
    struct tnk_divisor units;
    struct tnk_window window;
};
TN_KERNEL_DECL(tnk_im2col_2, struct tnk_im2col_args);
TN_KERNEL_DECL(tnk_im2col_4, struct tnk_im2col_args);
TN_KERNEL_DECL(tnk_im2col_8, struct tnk_im2col_args);
TN_KERNEL_DECL(tnk_im2col_16, struct tnk_im2col_args);

/* The gradient of x from that of col: dx[n, h, w, g, c] = the sum of all entries of col that x[n, h, w, g, c]
 * went to, in the order of r, then s. col: f32; dx: the kernel's type, `count` elements, fewer than 2^31. A
 * thread makes `lanes` (1, 4 or 8) neighbouring channels, which divide a group. */
struct tnk_col2im_args {
    const float *col;
    void *dx;
    int64_t count;
    struct tnk_divisor channels; /* of a group */
    struct tnk_divisor vectors;  /* of `lanes` channels, in a pixel */
    struct tnk_divisor width, height;
    struct tnk_window window;
    int32_t lanes;
};
TN_KERNEL_DECL_TYPES(tnk_col2im, struct tnk_col2im_args);

#endif
