/*
 * Concatenation: row after row, what each part has of it stands side by side in the whole. A row is a
 * pixel of an image in nhwc, or all of one image or row of something else.
 */
#ifndef TN_CONCAT_H
#define TN_CONCAT_H

#include "backends/cuda/kernels/divisor.h"

enum { TNK_CONCAT_PARTS = 32 };

struct tnk_pieces {
    int64_t rows;
    int64_t end[TNK_CONCAT_PARTS]; /* where each part ends in a row of the whole, in units */
    int32_t parts;
    int32_t unit; /* bytes that are moved as one: 16, 8, 4 or 2; divides every piece */
};

/* A part of NULL is left out, here and below. */
struct tnk_concat_args {
    struct tnk_pieces pieces;
    const void *part[TNK_CONCAT_PARTS];
    void *whole;
};
TN_KERNEL_DECL(tnk_concat, struct tnk_concat_args);

/* The other way. */
struct tnk_split_args {
    struct tnk_pieces pieces;
    const void *whole;
    void *part[TNK_CONCAT_PARTS];
};
TN_KERNEL_DECL(tnk_split, struct tnk_split_args);

/* One part alone, to where it begins in the whole: `count` units, fewer than 2^31, of rows of `width` units
 * here and `pitch` units there. */
struct tnk_place_args {
    const void *part;
    void *whole;
    int64_t count, pitch;
    struct tnk_divisor width;
    int32_t unit; /* bytes: 16, 8, 4 or 2 */
};
TN_KERNEL_DECL(tnk_place, struct tnk_place_args);

#endif
