/* maximum: the larger one, NaN if one is. */
#include <math.h>

#include "backends/cpu/reference/_binary.h"

static double value(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double by_a(double a, double b)
{
    return a == b ? 0.5 : !(a < b);
}

static double by_b(double a, double b)
{
    return a == b ? 0.5 : !(a > b);
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_binary(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_binary_backward(c, by_a, by_b);
}

const tn_kernel tn_reference_maximum = {
    .op = "maximum",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_binary_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
