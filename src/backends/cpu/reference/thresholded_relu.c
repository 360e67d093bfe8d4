/* thresholded_relu: y = x where x > alpha, else 0. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_thresholded_relu_opts *o = opts;
    return x <= (double)o->alpha ? 0 : x;
}

static double slope(double x, const void *opts)
{
    const tn_thresholded_relu_opts *o = opts;
    return x > (double)o->alpha;
}

TN_REFERENCE_MAP(thresholded_relu, value, slope);
