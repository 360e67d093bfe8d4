/* tanh: y = tanh(x),   dx = dy (1 - y^2). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return tanh(x);
}

static double slope(double x, const void *opts)
{
    const double y = value(x, opts);
    return 1 - y * y;
}

TN_REFERENCE_MAP(tanh, value, slope);
