/* mse: the mean of (x - target)^2, over rows that hold a sample. */
#include "backends/cpu/reference/_pair.h"

static double value(double x, double target, const void *opts)
{
    (void)opts;
    return (x - target) * (x - target);
}

static double slope(double x, double target, const void *opts, int side)
{
    (void)opts;
    return 2 * (side == 0 ? x - target : target - x);
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_pair_forward(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_pair_backward(c, slope);
}

const tn_kernel tn_reference_mse = {
    .op = "mse",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
