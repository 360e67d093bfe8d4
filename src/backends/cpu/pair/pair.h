/*
 * Losses of two tensors, element by element, on the CPU: a kernel file gives the loss of one element, and its slopes,
 * which are compiled into the loops here. Losses are summed in double, block by block, and the blocks' sums in their
 * order, so that the mean is the same for any number of threads.
 */
#ifndef TN_CPU_PAIR_H
#define TN_CPU_PAIR_H

#include "backends/cpu/device/cpu.h"

enum { TN_PAIR_BLOCK = 4096 }; /* elements a sum */

/* Of one element; `number` is what the options have: huber's delta. */
typedef double tn_pair_value(double x, double target, double number);
/* By x and by the target. */
typedef struct tn_pair_slopes {
    float x, target;
} tn_pair_slopes;
typedef tn_pair_slopes tn_pair_slope(float x, float target, float number);

tn_status tn_pair_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
/* Elements of rows that hold a sample, and how many the mean divides by. */
int64_t tn_pair_count(const tn_call *c, double *divisor);
/* y, by a function that sums up blocks of losses, tn_pair_sums(); dx by one of tn_pair_gradients(). */
tn_status tn_pair_forward(const tn_call *c, tn_work *sums);
tn_status tn_pair_backward(const tn_call *c, tn_work *gradients);

static inline __attribute__((always_inline)) void tn_pair_sums(const tn_call *c, tn_piece p,
                                                               tn_pair_value *value, double number)
{
    double divisor;
    const int64_t count = tn_pair_count(c, &divisor);
    const float *x = c->x[0], *target = c->x[1];
    double *sum = c->scratch;
    for (int64_t b = p.begin; b < p.end; b++) {
        const int64_t end = tn_cpu_lower(count, (b + 1) * TN_PAIR_BLOCK);
        sum[b] = 0;
        for (int64_t i = b * TN_PAIR_BLOCK; i < end; i++)
            sum[b] += value((double)x[i], (double)target[i], number);
    }
}

static inline __attribute__((always_inline)) void
tn_pair_gradients(const tn_call *c, tn_piece p, tn_pair_slope *slope, float number)
{
    double divisor;
    (void)tn_pair_count(c, &divisor);
    const float *x = c->x[0], *target = c->x[1];
    const float scale = (float)(1 / divisor * (double)*(const float *)c->dy[0]);
    for (int side = 0; side < 2; side++) {
        float *dx = c->dx[side];
        if (!dx)
            continue;
#pragma omp simd
        for (int64_t i = p.begin; i < p.end; i++) {
            const tn_pair_slopes s = slope(x[i], target[i], number);
            dx[i] = scale * (side == 0 ? s.x : s.target);
        }
    }
}

#endif
