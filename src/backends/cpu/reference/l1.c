/* l1: the mean of |x - target|; a slope of 0 where they are equal, over rows that hold a sample. */
#include <math.h>

#include "backends/cpu/reference/_pair.h"

static double value(double x, double target, const void *opts)
{
    (void)opts;
    return fabs(x - target);
}

static double slope(double x, double target, const void *opts, int side)
{
    (void)opts;
    const double off = side == 0 ? x - target : target - x;
    return isnan(off) ? off : (off > 0) - (off < 0);
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_pair_forward(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_pair_backward(c, slope);
}

const tn_kernel tn_reference_l1 = {
    .op = "l1",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
