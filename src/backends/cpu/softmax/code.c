/* The loops of softmax.h: along one line whose elements are beside each other, and across lines that are. */
#include <math.h>

#include "backends/cpu/softmax/softmax.h"
#include "backends/cpu/vector/isa.h"
#include "backends/cpu/vector/math.h"

static void line_forward(bool log_too, const float *x, float *y, int64_t size)
{
    float max = x[0];
    double sum = 0;
#pragma omp simd reduction(max : max)
    for (int64_t k = 0; k < size; k++)
        max = x[k] > max ? x[k] : max; /* a NaN shows in the sum */
    if (log_too) {
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++)
            sum += (double)tn_exp_of(x[k] - max);
        const double less = (double)max + log(sum);
#pragma omp simd
        for (int64_t k = 0; k < size; k++)
            y[k] = (float)((double)x[k] - less);
        return;
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < size; k++) {
        y[k] = tn_exp_of(x[k] - max);
        sum += (double)y[k];
    }
    const double share = 1 / sum;
#pragma omp simd
    for (int64_t k = 0; k < size; k++)
        y[k] = (float)((double)y[k] * share);
}

static void lines_forward(bool log_too, const float *x, float *y, int64_t size, int64_t inner,
                          int64_t lines)
{
    float max[TN_SOFTMAX_WIDE];
    double sum[TN_SOFTMAX_WIDE] = {0};
    memcpy(max, x, (size_t)lines * sizeof *max);
    for (int64_t k = 1; k < size; k++)
#pragma omp simd
        for (int64_t i = 0; i < lines; i++)
            max[i] = x[k * inner + i] > max[i] ? x[k * inner + i] : max[i];
    for (int64_t k = 0; k < size; k++)
#pragma omp simd
        for (int64_t i = 0; i < lines; i++) {
            const float e = tn_exp_of(x[k * inner + i] - max[i]);
            sum[i] += (double)e;
            y[k * inner + i] = log_too ? x[k * inner + i] : e;
        }
    for (int64_t i = 0; i < lines; i++)
        sum[i] = log_too ? (double)max[i] + log(sum[i]) : 1 / sum[i];
    for (int64_t k = 0; k < size; k++)
#pragma omp simd
        for (int64_t i = 0; i < lines; i++) {
            const double v = (double)y[k * inner + i];
            y[k * inner + i] = (float)(log_too ? v - sum[i] : v * sum[i]);
        }
}

static void forward(bool log_too, const float *x, float *y, int64_t size, int64_t inner,
                    int64_t lines)
{
    if (inner == 1)
        line_forward(log_too, x, y, size);
    else
        lines_forward(log_too, x, y, size, inner, lines);
}

/* What an element adds to its line's sum, and its gradient from that. */
static inline double term(bool log_too, float y, float dy)
{
    return log_too ? (double)dy : (double)dy * (double)y;
}
static inline float slope(bool log_too, float y, float dy, double sum)
{
    return log_too ? (float)((double)dy - (double)tn_exp_of(y) * sum)
                   : y * (float)((double)dy - sum);
}

static void line_backward(bool log_too, const float *y, const float *dy, float *dx, int64_t size)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < size; k++)
        sum += term(log_too, y[k], dy[k]);
#pragma omp simd
    for (int64_t k = 0; k < size; k++)
        dx[k] = slope(log_too, y[k], dy[k], sum);
}

static void backward(bool log_too, const float *y, const float *dy, float *dx, int64_t size,
                     int64_t inner, int64_t lines)
{
    double sum[TN_SOFTMAX_WIDE] = {0};
    if (inner == 1) {
        line_backward(log_too, y, dy, dx, size);
        return;
    }
    for (int64_t k = 0; k < size; k++)
#pragma omp simd
        for (int64_t i = 0; i < lines; i++)
            sum[i] += term(log_too, y[k * inner + i], dy[k * inner + i]);
    for (int64_t k = 0; k < size; k++)
#pragma omp simd
        for (int64_t i = 0; i < lines; i++)
            dx[k * inner + i] = slope(log_too, y[k * inner + i], dy[k * inner + i], sum[i]);
}

const tn_softmax_code TN_OF_ISA(tn_softmax) = {.forward = forward,
                                               .backward = TN_BACKWARD(backward)};
