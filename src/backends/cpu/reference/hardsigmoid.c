/* hardsigmoid: y = alpha x + beta between 0 and 1. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_hardsigmoid_opts *o = opts;
    const double y = (double)o->alpha * x + (double)o->beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double slope(double x, const void *opts)
{
    const tn_hardsigmoid_opts *o = opts;
    const double y = (double)o->alpha * x + (double)o->beta;
    return y > 0 && y < 1 ? (double)o->alpha : 0;
}

TN_REFERENCE_MAP(hardsigmoid, value, slope);
