/* mask: the one where the other is not 0. */
#include "backends/cpu/reference/_binary.h"

static double value(double a, double b)
{
    return b != 0 ? a : 0;
}

static double by_a(double a, double b)
{
    (void)a;
    return b != 0;
}

static double by_b(double a, double b)
{
    (void)a;
    (void)b;
    return 0;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_binary(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_binary_backward(c, by_a, by_b);
}

const tn_kernel tn_reference_mask = {
    .op = "mask",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_binary_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
