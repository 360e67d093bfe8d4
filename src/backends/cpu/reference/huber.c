/* huber: the mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = x - target, over rows that hold a sample. */
#include <math.h>

#include "backends/cpu/reference/_pair.h"

static double value(double x, double target, const void *opts)
{
    const double delta = (double)((const tn_huber_opts *)opts)->delta, off = fabs(x - target);
    return off <= delta ? off * off / 2 : delta * (off - delta / 2);
}

static double slope(double x, double target, const void *opts, int side)
{
    const double delta = (double)((const tn_huber_opts *)opts)->delta;
    const double off = side == 0 ? x - target : target - x;
    return off > delta ? delta : off < -delta ? -delta : off;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_pair_forward(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_pair_backward(c, slope);
}

const tn_kernel tn_reference_huber = {
    .op = "huber",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
