/* binary_xent: the mean of -(w t log p + (1 - t) log(1 - p)), p = 1 / (1 + exp(-x)), over rows that hold a sample. */
#include <math.h>

#include "backends/cpu/reference/_pair.h"

static double weight(const void *opts)
{
    return (double)((const tn_binary_xent_opts *)opts)->positive_weight;
}

/* -log p */
static double surprise(double x)
{
    return fmax(-x, 0) + log1p(exp(-fabs(x)));
}

static double value(double x, double t, const void *opts)
{
    return weight(opts) * t * surprise(x) + (1 - t) * surprise(-x);
}

static double slope(double x, double t, const void *opts, int side)
{
    if (side == 1)
        return weight(opts) * surprise(x) - surprise(-x);
    return (1 - t) * exp(-surprise(x)) - weight(opts) * t * exp(-surprise(-x));
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_pair_forward(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_pair_backward(c, slope);
}

const tn_kernel tn_reference_binary_xent = {
    .op = "binary_xent",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
