/* elu: y = x where x > 0, else alpha (exp(x) - 1). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_elu_opts *o = opts;
    return x > 0 ? x : (double)o->alpha * expm1(x);
}

static double slope(double x, const void *opts)
{
    const tn_elu_opts *o = opts;
    return x <= 0 ? (double)o->alpha * exp(x) : 1;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_elu = {
    .op = "elu",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
