/* softplus: y = log(1 + exp(x)). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / (1 + exp(-x));
}

TN_REFERENCE_MAP(softplus, value, slope);
