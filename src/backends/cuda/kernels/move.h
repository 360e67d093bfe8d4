/*
 * Elements moved from places of one tensor to places of another: those of a box, numbered row major.
 */
#ifndef TN_MOVE_H
#define TN_MOVE_H

#include "backends/cuda/kernels/divisor.h"

/* Steps and places are in units; fewer than 2^31 are moved. */
struct tnk_move_args {
    const void *from;
    void *to;
    int64_t count, from_at, to_at;
    int32_t ndim;
    int32_t unit; /* bytes that are moved as one: 16, 8, 4 or 2 */
    struct tnk_divisor dim[TN_MAX_DIMS];
    int64_t from_step[TN_MAX_DIMS], to_step[TN_MAX_DIMS];
};
TN_KERNEL_DECL(tnk_move, struct tnk_move_args);

/* to[i] = value, count of them. */
struct tnk_fill_args {
    void *to;
    int64_t count;
    float value;
};
TN_KERNEL_DECL_TYPES(tnk_fill, struct tnk_fill_args);

#endif
