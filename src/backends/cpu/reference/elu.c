/* elu: y = x where x > 0, else alpha (exp(x) - 1). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_elu_opts *o = opts;
    return x > 0 ? x : (double)o->alpha * expm1(x);
}

static double slope(double x, const void *opts)
{
    const tn_elu_opts *o = opts;
    return x <= 0 ? (double)o->alpha * exp(x) : 1;
}

TN_REFERENCE_MAP(elu, value, slope);
