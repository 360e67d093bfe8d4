/* sqrt: y = sqrt(x). */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    (void)opts;
    return sqrt(x);
}

static double slope(double x, const void *opts)
{
    (void)opts;
    return 1 / (2 * sqrt(x));
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_sqrt = {
    .op = "sqrt",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
