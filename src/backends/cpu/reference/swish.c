/* swish: y = x / (1 + exp(-x)). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x / (1 + exp(-x));
}

static double slope(double x, const void *opts)
{
    (void)opts;
    const double s = 1 / (1 + exp(-x));
    return s * (1 + x * (1 - s));
}

TN_REFERENCE_MAP(swish, value, slope);
