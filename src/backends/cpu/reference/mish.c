/* mish: y = x tanh(log(1 + exp(x))). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double share(double x)
{
    return tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
}

static double value(double x, const void *opts)
{
    (void)opts;
    return x * share(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    const double t = share(x);
    return t + x * (1 - t * t) / (1 + exp(-x));
}

TN_REFERENCE_MAP(mish, value, slope);
