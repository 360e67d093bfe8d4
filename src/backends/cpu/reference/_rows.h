/* What softmax and cross entropy do to a line of logits. */
#ifndef TN_REFERENCE_ROWS_H
#define TN_REFERENCE_ROWS_H

#include <math.h>
#include <stdint.h>

#include "graph/op.h"

/* log of the sum of exp(x[k]), without overflow; elements of x are `step` apart. */
static inline double tn_reference_log_sum(const float *x, int64_t count, int64_t step)
{
    double max = (double)x[0], sum = 0;
    for (int64_t k = 1; k < count; k++)
        max = fmax(max, (double)x[k * step]);
    for (int64_t k = 0; k < count; k++)
        sum += exp((double)x[k * step] - max);
    return max + log(sum);
}

/* Where line i of all begins. */
static inline int64_t tn_reference_line(const tn_lines *l, int64_t i)
{
    return i / l->inner * l->size * l->inner + i % l->inner;
}

#endif
