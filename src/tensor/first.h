/* Which of two elements comes first in a top_k, for kernels on all devices: an order in which no two are equal. */
#ifndef TN_FIRST_H
#define TN_FIRST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tn_first {
    bool smallest, last; /* as tn_top_k_opts has them */
} tn_first;

/* Does a, in place i, come before b, in place j? */
static inline bool tn_comes_first(tn_first order, float a, int64_t i, float b, int64_t j)
{
    const bool nan_a = a != a, nan_b = b != b;
    if (nan_a != nan_b)
        return nan_a;
    if (nan_a || a == b)
        return order.last ? i > j : i < j;
    return order.smallest ? a < b : a > b;
}

#endif
