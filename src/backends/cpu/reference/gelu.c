/* gelu: y = x (1 + erf(x / sqrt(2))) / 2, or with a tanh in place of the error function. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static const double PI = 3.14159265358979323846;

static double value(double x, const void *opts)
{
    const tn_gelu_opts *o = opts;
    const double u = sqrt(2 / PI) * (x + 0.044715 * x * x * x);
    return o->tanh ? x * (1 + tanh(u)) / 2 : x * erfc(-x / sqrt(2)) / 2;
}

static double slope(double x, const void *opts)
{
    const tn_gelu_opts *o = opts;
    const double u = sqrt(2 / PI) * (x + 0.044715 * x * x * x), t = tanh(u);
    if (o->tanh)
        return (1 + t) / 2 + x * (1 - t * t) * sqrt(2 / PI) * (1 + 3 * 0.044715 * x * x) / 2;
    return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * PI);
}

TN_REFERENCE_MAP(gelu, value, slope);
