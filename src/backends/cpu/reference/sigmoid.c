/* sigmoid: y = 1 / (1 + exp(-x)),   dx = dy y (1 - y). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return 1 / (1 + exp(-x));
}

static double slope(double x, const void *opts)
{
    const double y = value(x, opts);
    return y * (1 - y);
}

TN_REFERENCE_MAP(sigmoid, value, slope);
