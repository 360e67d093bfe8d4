/* swish: y = x / (1 + exp(-x)). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x / (1 + exp(-x));
}

static double slope(double x, const void *opts)
{
    (void)opts;
    const double s = 1 / (1 + exp(-x));
    return s * (1 + x * (1 - s));
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_swish = {
    .op = "swish",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
