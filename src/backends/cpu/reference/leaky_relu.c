/* leaky_relu: y = x where x > 0, else slope * x. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    return x < 0 ? (double)((const tn_leaky_relu_opts *)opts)->slope * x : x;
}

static double slope(double x, const void *opts)
{
    return x > 0 ? 1 : (double)((const tn_leaky_relu_opts *)opts)->slope;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_leaky_relu = {
    .op = "leaky_relu",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
