/* NAME: y = scale * x, dx = scale * dy; in double. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    return (double)((const tn_NAME_opts *)opts)->scale * x;
}

static double slope(double x, const void *opts)
{
    (void)x;
    return (double)((const tn_NAME_opts *)opts)->scale;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_NAME = {
    .op = "NAME",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
