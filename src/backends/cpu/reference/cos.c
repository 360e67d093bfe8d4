/* cos: y = cos(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return cos(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return -sin(x);
}

TN_REFERENCE_MAP(cos, value, slope);
