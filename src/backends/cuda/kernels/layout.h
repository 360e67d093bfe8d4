/*
 * Numbers moved, unchanged but for their type: casts, changes of layout, and the sum of a
 * scalar. Types of numbers are tn_dtype's f32, f16 and bf16; a kernel's own type is that of what it writes.
 */
#ifndef TN_LAYOUT_H
#define TN_LAYOUT_H

#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/gpu.h"

/* to[i] = from[i], TNK_CONVERT a thread. */
enum { TNK_CONVERT = 8 };
struct tnk_convert_args {
    const void *from;
    void *to;
    int64_t count;
    int32_t from_type;
};
TN_KERNEL_DECL_TYPES(tnk_convert, struct tnk_convert_args);

/* For each of `batch`: to[c, r] = from[r, c], where from is rows x cols, `pitch` between two of its rows, and
 * `to` cols x to_rows, whose last columns, from `rows` on, are zero. Blocks of TNK_TILE x TNK_TILE_LINES
 * threads, each of which moves one tile of TNK_TILE x TNK_TILE. */
enum { TNK_TILE = 32, TNK_TILE_LINES = 8 };
struct tnk_transpose_args {
    const void *from;
    void *to;
    int64_t batch, rows, cols, pitch, to_rows;
    int32_t from_type;
};
TN_KERNEL_DECL_TYPES(tnk_transpose, struct tnk_transpose_args);

/* For few channels: to[n, p, c] = from[n, p, c] for each of n < batch, p < pixels and c < channels, zero for
 * channels up to to_channels; one pixel a thread. Where they are: an image, a pixel, a channel on. */
struct tnk_strides {
    int64_t image, pixel, channel;
};
struct tnk_narrow_args {
    const void *from;
    void *to;
    int64_t batch, pixels;
    struct tnk_strides from_step, to_step;
    int32_t channels, to_channels;
    int32_t from_type;
};
TN_KERNEL_DECL_TYPES(tnk_narrow, struct tnk_narrow_args);

/* sum[0] += *x, of f32 or i32, and sum[1] += 1, unless the run has a fault; for one thread. */
struct tnk_tally_args {
    const struct tnk_control *control;
    double *sum;
    const void *x;
    int32_t is_i32;
};
TN_KERNEL_DECL(tnk_tally, struct tnk_tally_args);

#endif
