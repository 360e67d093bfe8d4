/*
 * Layer, instance and group norm, as layers/normalize.c has them: a group of an image is a row to a warp, or a long one to
 * a block; sums in f32.
 *
 * A row lies in `runs` of `run` elements side by side, `pitch` apart: in canonical order in one; of images in nhwc in as
 * many as there are pixels. In a run a channel has `area` elements.
 */
#ifndef TN_NORMALIZE_H
#define TN_NORMALIZE_H

#include "backends/cuda/kernels/divisor.h"

enum { TNK_NORM_WARP = 1024 /* elements of a row that a warp does */, TNK_NORM_BLOCK = 256 };

struct tnk_norm_rows {
    int64_t images, groups, channels; /* channels: of a group */
    int64_t image, group;             /* elements from one to the next */
    int64_t count, pitch;             /* elements of a row */
    struct tnk_divisor run, area;
    int32_t lanes; /* elements that are moved at once: 1, or what makes 16 bytes */
};

/* y = weight (x - mean) inverse + bias. NULL: ones, zeros, not to be kept. */
struct tnk_norm_args {
    struct tnk_norm_rows rows;
    const void *x;
    void *y; /* may be x */
    const float *weight, *bias;
    float *mean, *inverse; /* a row */
    float epsilon;
};
TN_KERNEL_DECL_TYPES(tnk_norm, struct tnk_norm_args);

/* dx, which may be dy. */
struct tnk_norm_back_args {
    struct tnk_norm_rows rows;
    const void *x, *dy;
    void *dx;
    const float *weight, *mean, *inverse;
};
TN_KERNEL_DECL_TYPES(tnk_norm_back, struct tnk_norm_back_args);

/* Of each channel, counted through all groups, the sums of dy and of dy (x - mean) inverse: part[channel][chunk][2]. A
 * block has `across` channels beside each other, and of the pixels of all images one chunk. */
struct tnk_norm_sums_args {
    const void *x, *dy;
    const float *mean, *inverse;
    int64_t pixels, columns;      /* of all images; channels of all groups */
    int64_t image, column, pixel; /* elements from one to the next */
    struct tnk_divisor area;      /* pixels of an image */
    struct tnk_divisor channels;  /* of a group */
    int64_t groups;
    int32_t across, tiles, chunks; /* a block: tile + tiles * chunk */
    float *part;
};
TN_KERNEL_DECL_TYPES(tnk_norm_sums, struct tnk_norm_sums_args);

/* Then dbias and dweight, NULL if nobody asks: a warp a channel. */
struct tnk_norm_add_args {
    const float *part;
    int64_t columns;
    int32_t chunks;
    float *dweight, *dbias;
};
TN_KERNEL_DECL(tnk_norm_add, struct tnk_norm_add_args);

#endif
