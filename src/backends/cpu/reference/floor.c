/* floor: y = x, rounded down to a whole number. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return floor(x);
}

static double slope(double x, const void *opts)
{
    (void)opts, (void)x;
    return 0;
}

TN_REFERENCE_MAP(floor, value, slope);
