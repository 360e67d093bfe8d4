/*
 * Local response normalisation of images in nhwc, as layers/lrn.c has it.
 *
 * A block does a tile: `tile` channels of `together` pixels. What it needs of them and of the `reach`
 * channels on either side it brings to shared memory first, so that backward computes u again from x, and
 * nothing is kept for it.
 */
#ifndef TN_LRN_H
#define TN_LRN_H

#include "backends/cuda/kernels/gpu.h"

struct tnk_lrn_args {
    const void *x;
    const void *dy; /* backward only */
    void *y;        /* backward: dx, which may not be dy */
    int64_t pixels, channels;
    int32_t reach; /* size / 2, or less where there are not so many channels */
    int32_t tile, together;
    float scale; /* alpha / size */
    float k, beta;
};

/* Bytes of dynamic shared memory. */
static inline size_t tnk_lrn_shared(const struct tnk_lrn_args *p)
{
    const size_t x = (size_t)(p->tile + 2 * p->reach), together = (size_t)p->together;
    return x * together * sizeof(float);
}
static inline size_t tnk_lrn_back_shared(const struct tnk_lrn_args *p)
{
    const size_t x = (size_t)(p->tile + 4 * p->reach), t = (size_t)(p->tile + 2 * p->reach);
    return (x + 2 * t) * (size_t)p->together * sizeof(float);
}

TN_KERNEL_DECL_TYPES(tnk_lrn, struct tnk_lrn_args);
TN_KERNEL_DECL_TYPES(tnk_lrn_back, struct tnk_lrn_args);

#endif
