/*
 * A part of a decoded picture, scaled to RGB of 8 bits: 4:2:0 with chroma in pairs, as video decoders leave it, antialiased
 * by the triangle filter of data/resample.c.
 */
#ifndef TN_SURFACE_H
#define TN_SURFACE_H

#include "backends/cuda/kernels/divisor.h"

/* Pixel i out is made of those in whose middle is less than `reach` from start + (i + 1/2) ratio. */
struct tnk_window {
    float start, ratio, reach;
    int32_t in; /* pixels there are */
};

struct tnk_surface_args {
    const void *luma, *chroma;
    uint8_t *rgb;
    int64_t count;                      /* pixels out, fewer than 2^31 */
    int64_t luma_stride, chroma_stride; /* bytes */
    struct tnk_divisor columns;         /* of rgb */
    struct tnk_window across, down;
    float black, luma_scale, chroma_scale; /* (luma - black) luma_scale is of 0 to 255 */
    float red_v, green_u, green_v, blue_u; /* what chroma adds */
    int32_t wide;                          /* samples are 16 bits of which the upper ones count */
};
TN_KERNEL_DECL(tnk_surface, struct tnk_surface_args);

#endif
