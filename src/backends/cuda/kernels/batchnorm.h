/*
 * Batch normalisation of M x C numbers, C innermost: images in nhwc (M = N H W) or rows (M = N).
 *
 * Statistics in two launches: each block takes a tile of columns and every so many rows, `chunks` blocks
 * sharing a tile, and leaves the mean and the squared distances from it of what it saw; then a warp a
 * column merges those. Nothing cancels where the mean is large (Welford 1962; Chan, Golub, LeVeque
 * 1979), and the order of all sums is fixed.
 */
#ifndef TN_BATCHNORM_H
#define TN_BATCHNORM_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

/* Who does what in a launch of tiles x chunks blocks of TNK_COLUMNS_BLOCK threads. */
enum { TNK_COLUMNS_BLOCK = 256 };
struct tnk_columns {
    int64_t rows, columns;
    int32_t lanes;  /* columns a thread does: 1, or what makes 16 bytes if that divides `columns` */
    int32_t across; /* threads side by side, a power of 2; the others of a block take other rows */
    int32_t tiles, chunks;
    /* Of the M rows those count that are part of `area` x what `control` has, which are the first; if it is NULL, all
     * of them. Statistics are those of so many shares of the batch together; 0: of this one. */
    const struct tnk_control *control;
    int64_t area;
    int32_t shares;
};

/* x's mean and squared distances, part[column][chunk][2]. `sums`, if not NULL: over each column of x, then over its squares;
 * where these will do, as all rows count and the mean is no more than 32 deviations off 0, x is not read. */
struct tnk_batchnorm_stats_args {
    struct tnk_columns grid;
    const void *x;
    const float *sums;
    float *part;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_stats, struct tnk_batchnorm_stats_args);

/* From these mean and var; the running ones move, unless one row alone counts, which has no variance. A warp a
 * column. Of a share of the batch, where `own` is not NULL: own becomes its mean and `mean` that times the share's
 * part of all rows that count; nothing moves yet. */
struct tnk_batchnorm_merge_args {
    struct tnk_columns grid; /* of the launch before */
    const float *sums, *part;
    float *own, *mean, *var, *running_mean, *running_var;
    float momentum;
};
TN_KERNEL_DECL(tnk_batchnorm_merge, struct tnk_batchnorm_merge_args);

/* Then `mean` holds the sum over all shares, the common mean; var, of this share around its own one, becomes that
 * around the common one, times the share's part. A thread a column. */
struct tnk_batchnorm_centre_args {
    struct tnk_columns grid;
    const float *own, *mean;
    float *var;
};
TN_KERNEL_DECL(tnk_batchnorm_centre, struct tnk_batchnorm_centre_args);

/* Then `var` holds the sum over all shares too, and the running ones move. A thread a column. */
struct tnk_batchnorm_settle_args {
    struct tnk_columns grid;
    const float *mean, *var;
    float *running_mean, *running_var;
    float momentum;
};
TN_KERNEL_DECL(tnk_batchnorm_settle, struct tnk_batchnorm_settle_args);

/* y = weight (x - mean) / sqrt(var + epsilon) + bias, 0 in rows that do not count; plus z if there is one; of that what is above 0
 * if `relu`, and where it was so, in bits[row][column / lanes], bit column % lanes, if they are kept. */
struct tnk_batchnorm_args {
    struct tnk_columns grid;
    const void *x, *z;
    void *y; /* may be x */
    uint8_t *bits;
    const float *mean, *var, *weight, *bias;
    float epsilon;
    int32_t relu;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm, struct tnk_batchnorm_args);

/* What let dy through: all of it if not `relu`; else where the bits are set, and without them where y is found again to be above
 * 0. g is what was let through. */
struct tnk_batchnorm_gate {
    const uint8_t *bits;
    const float *bias;
    int32_t relu;
};

/* The sums of g and of g (x - mean), part[column][chunk][2]. */
struct tnk_batchnorm_sums_args {
    struct tnk_columns grid;
    struct tnk_batchnorm_gate gate;
    const void *x, *dy;
    const float *mean, *var, *weight;
    float *part;
    float epsilon;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_sums, struct tnk_batchnorm_sums_args);

/* From these dbias and dweight, NULL if nobody asks, and coefficient[column][2]: dbias / M and what
 * x - mean is multiplied with in dx, M being what counts in all shares. A warp a column. */
struct tnk_batchnorm_add_args {
    struct tnk_columns grid; /* of the launch before */
    const float *part, *var;
    float *dweight, *dbias, *coefficient;
    float epsilon;
};
TN_KERNEL_DECL(tnk_batchnorm_add, struct tnk_batchnorm_add_args);

/* dx, and dz = g: NULL if nobody asks; either may be dy. dx is 0 in rows that do not count. Without coefficients mean and var are
 * constants. */
struct tnk_batchnorm_back_args {
    struct tnk_columns grid;
    struct tnk_batchnorm_gate gate;
    const void *x, *dy;
    void *dx, *dz;
    const float *mean, *var, *weight, *coefficient;
    float epsilon;
};
TN_KERNEL_DECL_TYPES(tnk_batchnorm_back, struct tnk_batchnorm_back_args);

#endif
