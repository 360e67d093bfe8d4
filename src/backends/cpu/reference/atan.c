/* atan: y = atan(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return atan(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / (1 + x * x);
}

TN_REFERENCE_MAP(atan, value, slope);
