/* sign: y = 1 where x > 0, -1 where x < 0, else x. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double slope(double x, const void *opts)
{
    (void)opts, (void)x;
    return 0;
}

TN_REFERENCE_MAP(sign, value, slope);
