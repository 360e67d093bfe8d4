/*
 * Images of another size, in nhwc; tensor/resample.h has where pixels lie. Backward is a loop over dx, each pixel of which
 * looks up those of y that it is a part of: nothing is added by two threads.
 */
#ifndef TN_RESIZE_H
#define TN_RESIZE_H

#include "backends/cuda/kernels/divisor.h"

/* In one direction; all products are below 2^31. */
struct tnk_resample {
    int32_t in, out, scale, shift, by;
    int32_t nearest;
};

enum { TNK_RESIZE_BYTES = 16 };
struct tnk_resize_args {
    const void *from; /* forward: x;  backward: dy */
    void *to;         /* forward: y;  backward: dx */
    int64_t count;    /* vectors of `to`, fewer than 2^31 */
    int64_t channels;
    struct tnk_divisor groups;        /* vectors of a pixel */
    struct tnk_divisor rows, columns; /* of `to` */
    struct tnk_resample down, across;
    int32_t lanes; /* of a vector: as many as make TNK_RESIZE_BYTES, or 1 */
};
TN_KERNEL_DECL_TYPES(tnk_resize, struct tnk_resize_args);
TN_KERNEL_DECL_TYPES(tnk_resize_back, struct tnk_resize_args);

#endif
