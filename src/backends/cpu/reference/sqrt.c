/* sqrt: y = sqrt(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return sqrt(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / (2 * sqrt(x));
}

TN_REFERENCE_MAP(sqrt, value, slope);
