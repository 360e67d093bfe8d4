/* neg: y = -x. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return -x;
}

static double slope(double x, const void *opts)
{
    (void)opts, (void)x;
    return -1;
}

TN_REFERENCE_MAP(neg, value, slope);
