/* selu: y = gamma x where x > 0, else gamma alpha (exp(x) - 1). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_selu_opts *o = opts;
    return (double)o->gamma * (x > 0 ? x : (double)o->alpha * expm1(x));
}

static double slope(double x, const void *opts)
{
    const tn_selu_opts *o = opts;
    return (double)o->gamma * (x > 0 ? 1 : (double)o->alpha * exp(x));
}

TN_REFERENCE_MAP(selu, value, slope);
