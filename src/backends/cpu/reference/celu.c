/* celu: y = x where x > 0, else alpha (exp(x / alpha) - 1). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_celu_opts *o = opts;
    return x > 0 ? x : (double)o->alpha * expm1(x / (double)o->alpha);
}

static double slope(double x, const void *opts)
{
    const tn_celu_opts *o = opts;
    return x > 0 ? 1 : exp(x / (double)o->alpha);
}

TN_REFERENCE_MAP(celu, value, slope);
