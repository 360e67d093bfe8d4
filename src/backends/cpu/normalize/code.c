#include <math.h>

#include "backends/cpu/normalize/normalize.h"
#include "backends/cpu/vector/isa.h"

static tn_norm_saved measure(const float *x, int64_t count, double epsilon)
{
    double sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += (double)x[i];
    const double mean = sum / (double)count;
#pragma omp simd reduction(+ : square)
    for (int64_t i = 0; i < count; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean);
    return (tn_norm_saved){mean, 1 / sqrt(square / (double)count + epsilon)};
}

/* ---- a channel has one element ------------------------------------------------------------- */

static void apply_each(const tn_norm_group *g, const tn_norm_saved *s, const float *x, float *y)
{
    const double mean = s->mean, inverse = s->inverse;
    const float *weight = g->weight, *bias = g->bias;
    if (!weight) {
#pragma omp simd
        for (int64_t c = 0; c < g->channels; c++)
            y[c] = (float)(((double)x[c] - mean) * inverse);
    } else {
#pragma omp simd
        for (int64_t c = 0; c < g->channels; c++)
            y[c] = (float)(((double)x[c] - mean) * inverse) * weight[c];
    }
    if (!bias)
        return;
#pragma omp simd
    for (int64_t c = 0; c < g->channels; c++)
        y[c] += bias[c];
}

/* u = weight dy, z = (x - mean) inverse. */
static void back_each(const tn_norm_group *g, const tn_norm_saved *s, const float *x,
                      const float *dy, double *product, double *sum, float *dx)
{
    const double mean = s->mean, inverse = s->inverse;
    const float *weight = g->weight;
    double u_sum = 0, uz_sum = 0;
#pragma omp simd reduction(+ : u_sum, uz_sum)
    for (int64_t c = 0; c < g->channels; c++) {
        const double z = ((double)x[c] - mean) * inverse, d = (double)dy[c];
        const double u = weight ? (double)weight[c] * d : d;
        product[c] += d * z;
        sum[c] += d;
        u_sum += u;
        uz_sum += u * z;
    }
    if (!dx)
        return;
    u_sum /= (double)g->channels;
    uz_sum /= (double)g->channels;
#pragma omp simd
    for (int64_t c = 0; c < g->channels; c++) {
        const double z = ((double)x[c] - mean) * inverse, d = (double)dy[c];
        const double u = weight ? (double)weight[c] * d : d;
        dx[c] = (float)(inverse * (u - u_sum - z * uz_sum));
    }
}

/* ---- a channel has several ------------------------------------------------------------------ */

static void apply_channels(const tn_norm_group *g, const tn_norm_saved *s, const float *x, float *y)
{
    for (int64_t c = 0; c < g->channels; c++, x += g->area, y += g->area) {
        const double mean = s->mean;
        const double scale = s->inverse * (g->weight ? (double)g->weight[c] : 1);
        const double bias = g->bias ? (double)g->bias[c] : 0;
#pragma omp simd
        for (int64_t i = 0; i < g->area; i++)
            y[i] = (float)(((double)x[i] - mean) * scale + bias);
    }
}

static void back_channels(const tn_norm_group *g, const tn_norm_saved *s, const float *x,
                          const float *dy, double *product, double *sum, float *dx)
{
    const double mean = s->mean, inverse = s->inverse;
    double u_sum = 0, uz_sum = 0;
    for (int64_t c = 0; c < g->channels; c++) {
        const float *xc = x + c * g->area, *dyc = dy + c * g->area;
        const double weight = g->weight ? (double)g->weight[c] : 1;
        double d_sum = 0, dz_sum = 0;
#pragma omp simd reduction(+ : d_sum, dz_sum)
        for (int64_t i = 0; i < g->area; i++) {
            d_sum += (double)dyc[i];
            dz_sum += (double)dyc[i] * (((double)xc[i] - mean) * inverse);
        }
        product[c] += dz_sum;
        sum[c] += d_sum;
        u_sum += weight * d_sum;
        uz_sum += weight * dz_sum;
    }
    if (!dx)
        return;
    const double count = (double)(g->channels * g->area);
    const double even = u_sum / count, slope = uz_sum / count * inverse;
    for (int64_t c = 0; c < g->channels; c++, x += g->area, dy += g->area, dx += g->area) {
        const double weight = g->weight ? (double)g->weight[c] : 1;
#pragma omp simd
        for (int64_t i = 0; i < g->area; i++)
            dx[i] =
                (float)(inverse * (weight * (double)dy[i] - even - ((double)x[i] - mean) * slope));
    }
}

/* ---- either --------------------------------------------------------------------------------- */

static tn_norm_saved forward(const tn_norm_group *g, const float *x, double epsilon, float *y)
{
    const tn_norm_saved s = measure(x, g->channels * g->area, epsilon);
    if (g->area == 1)
        apply_each(g, &s, x, y);
    else
        apply_channels(g, &s, x, y);
    return s;
}

static void backward(const tn_norm_group *g, const tn_norm_saved *s, const float *x,
                     const float *dy, double *product, double *sum, float *dx)
{
    if (g->area == 1)
        back_each(g, s, x, dy, product, sum, dx);
    else
        back_channels(g, s, x, dy, product, sum, dx);
}

const tn_norm_code TN_OF_ISA(tn_norm) = {.forward = forward, .backward = TN_BACKWARD(backward)};
