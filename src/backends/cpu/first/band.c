/* The part of an image that a band of y is made of, with zeros around it; see first.h. */
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "backends/cpu/first/state.h"

/* A row of the band: row `h` of a plane of x, or none of it if that is outside. */
static void copy_row(const tn_few *f, const float *plane, int64_t h, float *to)
{
    const int64_t W = f->in[1], left = tn_cpu_lower(f->pad[1], f->width);
    if (h < 0 || h >= f->in[0]) {
        memset(to, 0, (size_t)f->width * sizeof *to);
        return;
    }
    const int64_t copied = tn_cpu_lower(W, f->width - left);
    memset(to, 0, (size_t)left * sizeof *to);
    memcpy(to + left, plane + h * W, (size_t)copied * sizeof *to);
    memset(to + left + copied, 0, (size_t)(f->width - left - copied) * sizeof *to);
}

void tn_few_copy_band(const tn_few *f, const float *x, int64_t n, int64_t p, int64_t rows,
                      float *band)
{
    const int64_t first = p * f->stride[0] - f->pad[0], last = (rows - 1) * f->stride[0];
    for (int64_t c = 0; c < f->C; c++)
        for (int64_t h = 0; h < last + f->kernel[0]; h++)
            copy_row(f, x + (n * f->C + c) * f->in[0] * f->in[1], first + h,
                     band + (c * f->height + h) * f->width);
}
