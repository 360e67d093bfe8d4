/*
 * Triangle filter, separable, antialiased: what Pillow calls BILINEAR.
 *
 *   ratio   = length / out                   pixels in a pixel out
 *   reach   = max(ratio, 1)                  half the filter's width: it grows with the shrink
 *   centre  = start + (i + 1/2) ratio        of pixel i out, in pixels in
 *   w[j]    = max(0, 1 - |j + 1/2 - centre| / reach), divided by their sum
 *   out[i]  = sum over j of w[j] in[j]
 *
 * The window is cut at the image's edge, not at the box's. Each row out is first summed from rows in
 * (long loops over neighbouring bytes), then along the row (four lanes a tap: one pixel and a lane
 * that the next pixel overwrites). Sums are floats and are rounded once, at the end; Pillow rounds to
 * bytes between its two passes, so the two differ by at most 1.
 *   Source: Pillow, src/libImaging/Resample.c, precompute_coeffs.
 */
#include "data/resample.h"

#include <math.h>
#include <string.h>

#include "base/base.h"

/* Compiled again for AVX2 and AVX-512, and chosen when the program is loaded: a fifth to a quarter less
 * time than SSE2 needs. The lanes do the same sums, so the bytes are the same on any machine. The
 * choice is made before a sanitizer is ready for it, and clang's way of it differs. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FAST
#endif

/* For each pixel out: the first pixel in, and `taps` weights, the same number for all. */
typedef struct axis {
    int out, taps;
    int *first;    /* [out] */
    float *weight; /* [out][taps] */
} axis;

static double reach_of(double ratio)
{
    return ratio > 1 ? ratio : 1;
}

static void window(double centre, double reach, int size, int *first, int *end)
{
    const double low = floor(centre - reach + 0.5), high = floor(centre + reach + 0.5);
    *first = low < 0 ? 0 : low > size - 1 ? size - 1 : (int)low;
    *end = high > size ? size : high < *first + 1 ? *first + 1 : (int)high;
}

void tn_resample_range(double start, double length, int out, int size, int *first, int *end)
{
    const double ratio = length / out, reach = reach_of(ratio);
    int unused;
    window(start + 0.5 * ratio, reach, size, first, &unused);
    window(start + (out - 0.5) * ratio, reach, size, &unused, end);
}

/* The most taps that a pixel out can have: a window of 2 reach, both ends rounded. */
static int most_taps(double length, int out, int size)
{
    const double taps = ceil(2 * reach_of(length / out)) + 1;
    return taps < size ? (int)taps : size;
}

/* Turned over: pixel i out is what pixel out - 1 - i would have been. */
static void fill_axis(axis *a, double start, double length, int size, bool flip)
{
    const double ratio = length / a->out, reach = reach_of(ratio);
    int longest = 1, first = 0, end = 0;
    for (int i = 0; i < a->out; i++) {
        window(start + (i + 0.5) * ratio, reach, size, &first, &end);
        longest = end - first > longest ? end - first : longest;
    }
    const int last = end - longest; /* the windows' ends rise, so nothing is read beyond this one */
    a->taps = longest;
    for (int i = 0; i < a->out; i++) {
        const double centre = start + (i + 0.5) * ratio;
        window(centre, reach, size, &first, &end);
        first = first > last ? last : first; /* pixels outside of the window weigh nothing */
        const int at = flip ? a->out - 1 - i : i;
        float *weight = a->weight + (size_t)at * (size_t)longest;
        double sum = 0;
        for (int j = 0; j < longest; j++)
            sum += fmax(0, 1 - fabs(first + j + 0.5 - centre) / reach);
        for (int j = 0; j < longest; j++)
            weight[j] = (float)(fmax(0, 1 - fabs(first + j + 0.5 - centre) / reach) / sum);
        a->first[at] = first;
    }
}

/* One row in scratch = the weighted sum of `taps` rows in, two at a time. */
FAST static void sum_rows(const uint8_t *restrict top, size_t stride, const float *weight, int taps,
                          int count, float *restrict sum)
{
    for (int t = 0; t < taps; t += 2) {
        const bool pair = t + 1 < taps;
        const uint8_t *restrict a = top + (size_t)t * stride;
        const uint8_t *restrict b = pair ? a + stride : a;
        const float wa = weight[t], wb = pair ? weight[t + 1] : 0.0f;
        if (t == 0)
            for (int i = 0; i < count; i++)
                sum[i] = wa * (float)a[i] + wb * (float)b[i];
        else
            for (int i = 0; i < count; i++)
                sum[i] += wa * (float)a[i] + wb * (float)b[i];
    }
}

/* One pixel and a fourth lane that counts for nothing: gcc makes no such vector of a loop of three or
 * four. A vector of gcc's and clang's own is one register on any machine that has them. */
typedef float lanes __attribute__((vector_size(4 * sizeof(float))));

static lanes load(const float *at)
{
    lanes v;
    memcpy(&v, at, sizeof v);
    return v;
}

__attribute__((always_inline)) static inline void
sum_taps(const axis *a, int taps, const float *restrict row, int offset, float *restrict out)
{
    const float *restrict weight = a->weight;
    for (int i = 0; i < a->out; i++, weight += taps) {
        const float *restrict pixel = row + 3 * (size_t)(a->first[i] - offset);
        lanes sum = weight[0] * load(pixel);
        for (int t = 1; t < taps; t++)
            sum += weight[t] * load(pixel + 3 * t);
        memcpy(out + 3 * (size_t)i, &sum, sizeof sum);
    }
}

/* row: from pixel `offset` on, with one float to spare; out: 3 a->out floats and one to spare. The numbers of taps of what
 * is enlarged, or shrunk by up to two, have a loop of their own, which the compiler unrolls. */
FAST static void sum_along(const axis *a, const float *restrict row, int offset,
                           float *restrict out)
{
    if (a->taps == 2)
        sum_taps(a, 2, row, offset, out);
    else if (a->taps == 3)
        sum_taps(a, 3, row, offset, out);
    else if (a->taps == 4)
        sum_taps(a, 4, row, offset, out);
    else if (a->taps == 5)
        sum_taps(a, 5, row, offset, out);
    else
        sum_taps(a, a->taps, row, offset, out);
}

/* Weights are not negative and sum to 1 within rounding, so no value is outside of [0, 255.5). */
FAST static void round_row(const float *restrict in, int count, uint8_t *restrict out)
{
    for (int i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(in[i] + 0.5f);
}

void tn_resampler_free(tn_resampler *r)
{
    tn_free(r->memory);
    *r = (tn_resampler){0};
}

/* The parts of the one buffer: floats and ints, so 4 bytes each. */
static tn_status make_room(tn_resampler *r, axis *x, axis *y, size_t row, float **sums,
                           float **along)
{
    const size_t nx = (size_t)x->out, ny = (size_t)y->out;
    const size_t wx = nx * (size_t)x->taps, wy = ny * (size_t)y->taps;
    const size_t bytes = 4 * (nx + ny + wx + wy + row + 1 + 3 * nx + 1);
    if (bytes > r->bytes) {
        tn_resampler_free(r);
        r->memory = tn_alloc_aligned(bytes);
        if (!r->memory)
            return tn_no_memory("an image's scaling", bytes);
        r->bytes = bytes;
    }
    x->first = r->memory;
    y->first = x->first + nx;
    x->weight = (float *)(y->first + ny);
    y->weight = x->weight + wx;
    *sums = y->weight + wy;
    *along = *sums + row + 1;
    return TN_OK;
}

tn_status tn_resample(tn_resampler *r, const tn_pixels *in, bool flip_x, bool flip_y, int width,
                      int height, uint8_t *rgb)
{
    const tn_box *box = &in->box;
    axis x = {.out = width, .taps = most_taps(box->width, width, in->width)};
    axis y = {.out = height, .taps = most_taps(box->height, height, in->height)};
    int left, right;
    tn_resample_range(box->x, box->width, width, in->width, &left, &right);
    const int count = 3 * (right - left);
    float *sums = NULL, *along = NULL;
    TN_TRY(make_room(r, &x, &y, (size_t)count, &sums, &along));
    fill_axis(&x, box->x, box->width, in->width, flip_x);
    fill_axis(&y, box->y, box->height, in->height, flip_y);
    sums[count] = 0; /* read as the last pixel's fourth lane */
    for (int i = 0; i < height; i++) {
        const uint8_t *top = in->rgb + (size_t)y.first[i] * in->stride + 3 * (size_t)left;
        sum_rows(top, in->stride, y.weight + (size_t)i * (size_t)y.taps, y.taps, count, sums);
        sum_along(&x, sums, left, along);
        round_row(along, 3 * width, rgb + 3 * (size_t)width * (size_t)i);
    }
    return TN_OK;
}
