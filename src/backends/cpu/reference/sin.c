/* sin: y = sin(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return sin(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return cos(x);
}

TN_REFERENCE_MAP(sin, value, slope);
