/* sigmoid: y = 1 / (1 + exp(-x)),   dx = dy y (1 - y). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return 1 / (1 + exp(-x));
}

static double slope(double x, const void *opts)
{
    const double y = value(x, opts);
    return y * (1 - y);
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_sigmoid = {
    .op = "sigmoid",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
