#ifndef TN_FAKE_QUANT_H
#define TN_FAKE_QUANT_H

#include "backends/cuda/kernels/divisor.h"

/* to = x on the grid of its channel's scale, or with dy dy where x is not clamped; `count` of them, which may be in place.
 * Lines of `inner` elements have a channel each, in turn; with one channel neither counts. */
struct tnk_fake_quant_args {
    const void *x, *dy;
    void *to;
    const float *scales; /* NULL: `scale` */
    float scale, low, high;
    int64_t count;
    struct tnk_divisor inner, channels;
};
TN_KERNEL_DECL_TYPES(tnk_fake_quant, struct tnk_fake_quant_args);

/* scales[c] = the largest |x| of channel c / high, or 1 if that is 0: a block a channel. */
struct tnk_fake_quant_scales_args {
    const void *x;
    float *scales;
    float high;
    int64_t outer, channels, inner;
};
TN_KERNEL_DECL_TYPES(tnk_fake_quant_scales, struct tnk_fake_quant_scales_args);

#endif
