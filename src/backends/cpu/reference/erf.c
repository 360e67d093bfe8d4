/* erf: y = erf(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return erf(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 2 / sqrt(3.14159265358979323846) * exp(-x * x);
}

TN_REFERENCE_MAP(erf, value, slope);
