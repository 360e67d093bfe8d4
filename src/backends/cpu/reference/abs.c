/* abs: y = |x|. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return fabs(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return (x > 0) - (x < 0);
}

TN_REFERENCE_MAP(abs, value, slope);
