/*
 * Scaling of RGB bytes, antialiased.
 */
#ifndef TN_RESAMPLE_H
#define TN_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

#include "data/codec.h"

/* Buffers that are kept from one image to the next. Begin with a zeroed one. */
typedef struct tn_resampler {
    void *memory;
    size_t bytes;
} tn_resampler;

void tn_resampler_free(tn_resampler *r);

/* Pixels [*first, *end) of an axis of `size` pixels that scaling [start, start + length) to `out`
 * pixels looks at. */
void tn_resample_range(double start, double length, int out, int size, int *first, int *end);

/* in->box to width x height, turned over on either axis if asked.
 *   rgb: height x width x 3, rows close together. TN_ERR_MEMORY is the only error. */
tn_status tn_resample(tn_resampler *r, const tn_pixels *in, bool flip_x, bool flip_y, int width,
                      int height, uint8_t *rgb);

#endif
