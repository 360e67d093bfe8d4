/* reciprocal: y = 1 / x. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return 1 / x;
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return -1 / (x * x);
}

TN_REFERENCE_MAP(reciprocal, value, slope);
