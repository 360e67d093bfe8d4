/* leaky_relu: y = x where x > 0, else slope * x. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    return x < 0 ? (double)((const tn_leaky_relu_opts *)opts)->slope * x : x;
}

static double slope(double x, const void *opts)
{
    return x > 0 ? 1 : (double)((const tn_leaky_relu_opts *)opts)->slope;
}

TN_REFERENCE_MAP(leaky_relu, value, slope);
