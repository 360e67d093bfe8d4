/* hardswish: y = x, 0 below -3, between -3 and 3 x (x + 3) / 6. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6;
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_hardswish = {
    .op = "hardswish",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
