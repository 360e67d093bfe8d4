/* round: y = the whole number nearest to x, the even one of two. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return nearbyint(x);
}

static double slope(double x, const void *opts)
{
    (void)opts, (void)x;
    return 0;
}

TN_REFERENCE_MAP(round, value, slope);
