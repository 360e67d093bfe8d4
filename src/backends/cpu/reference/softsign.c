/* softsign: y = x / (1 + |x|). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x / (1 + fabs(x));
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
}

TN_REFERENCE_MAP(softsign, value, slope);
