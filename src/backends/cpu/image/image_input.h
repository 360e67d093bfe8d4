/* One row of image_input, which files compiled for each width of vectors have (vector/vector.h). */
#ifndef TN_CPU_IMAGE_INPUT_H
#define TN_CPU_IMAGE_INPUT_H

#include <stdint.h>

/* `width` pixels of C channels at x, one after the other, less mean[c], times scale[c]; y is the row's place
 * in the first channel's plane, and each next one is `plane` floats further. */
typedef void tn_image_row(const uint8_t *x, float *y, int64_t width, int64_t C, int64_t plane,
                          const float *mean, const float *scale);

extern tn_image_row tn_image_row_avx512, tn_image_row_avx2, tn_image_row_portable;

#endif
