/* What softmax and cross entropy do to a row of logits. */
#ifndef TN_REFERENCE_ROWS_H
#define TN_REFERENCE_ROWS_H

#include <math.h>
#include <stdint.h>

/* log of the sum of exp(x[k]), without overflow. */
static inline double tn_reference_log_sum(const float *x, int64_t count)
{
    double max = (double)x[0], sum = 0;
    for (int64_t k = 1; k < count; k++)
        max = fmax(max, (double)x[k]);
    for (int64_t k = 0; k < count; k++)
        sum += exp((double)x[k] - max);
    return max + log(sum);
}

#endif
