/* The row of image_input.h as the compiler makes it for one width of vectors. */
#include "backends/cpu/image/image_input.h"
#include "backends/cpu/vector/isa.h"

static inline __attribute__((always_inline)) void convert(const uint8_t *x, float *restrict y,
                                                          int64_t width, int64_t C, int64_t plane,
                                                          const float *mean, const float *scale)
{
    for (int64_t c = 0; c < C; c++) {
        const float less = mean[c], times = scale[c];
        float *restrict to = y + c * plane;
#pragma omp simd
        for (int64_t w = 0; w < width; w++)
            to[w] = ((float)x[w * C + c] - less) * times;
    }
}

/* 1 and 3 are constants, so that the compiler knows the stride. */
void TN_OF_ISA(tn_image_row)(const uint8_t *x, float *y, int64_t width, int64_t C, int64_t plane,
                             const float *mean, const float *scale)
{
    if (C == 3)
        convert(x, y, width, 3, plane, mean, scale);
    else if (C == 1)
        convert(x, y, width, 1, plane, mean, scale);
    else
        convert(x, y, width, C, plane, mean, scale);
}
