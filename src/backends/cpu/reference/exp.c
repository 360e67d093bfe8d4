/* exp: y = exp(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return exp(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return exp(x);
}

TN_REFERENCE_MAP(exp, value, slope);
