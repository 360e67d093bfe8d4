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

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_tanh = {
    .op = "tanh",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
