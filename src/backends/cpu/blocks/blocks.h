/*
 * Images and filters in blocks of L channels as vectors have lanes, and back, for kernels that compute in such, where a device has no
 * layout but the canonical one: in a build without oneDNN. All memory is f32; what fills up the last block is 0.
 */
#ifndef TN_CPU_BLOCKS_H
#define TN_CPU_BLOCKS_H

#include "backends/cpu/device/cpu.h"

typedef struct tn_blocked_images {
    int64_t images, channels, pixels, lanes;
} tn_blocked_images;

/* N x C x pixels and N x C/L x pixels x L. Filters of one channel each are one image, whose pixels are taps. */
int64_t tn_blocked_floats(const tn_blocked_images *s);
void tn_images_to_blocks(const tn_backend_device *d, const tn_blocked_images *s, const float *from,
                         float *to);
void tn_images_from_blocks(const tn_backend_device *d, const tn_blocked_images *s,
                           const float *from, float *to);

/* K x C x taps and K/L x C/L x taps x L (c) x L (k); of groups, if K is one's in whole blocks, all groups' K and one's C. */
typedef struct tn_blocked_filters {
    int64_t filters, channels, taps, lanes;
} tn_blocked_filters;

int64_t tn_blocked_filter_floats(const tn_blocked_filters *s);
void tn_filters_to_blocks(const tn_backend_device *d, const tn_blocked_filters *s,
                          const float *from, float *to);
void tn_filters_from_blocks(const tn_backend_device *d, const tn_blocked_filters *s,
                            const float *from, float *to);

#endif
