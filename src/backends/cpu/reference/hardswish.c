/* hardswish: y = x, 0 below -3, between -3 and 3 x (x + 3) / 6. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6;
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1;
}

TN_REFERENCE_MAP(hardswish, value, slope);
