/* log: y = log(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return log(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / x;
}

TN_REFERENCE_MAP(log, value, slope);
