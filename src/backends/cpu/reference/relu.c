/* relu: y = max(x, 0). */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x < 0 ? 0 : x; /* a NaN stays one */
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return x > 0;
}

TN_REFERENCE_MAP(relu, value, slope);
