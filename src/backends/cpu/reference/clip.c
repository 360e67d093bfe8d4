/* clip: y = x between min and max. */
#include "backends/cpu/reference/_reference.h"

static double value(double x, const void *opts)
{
    const tn_clip_opts *o = opts;
    return x < (double)o->min ? (double)o->min : x > (double)o->max ? (double)o->max : x;
}

static double slope(double x, const void *opts)
{
    const tn_clip_opts *o = opts;
    return x > (double)o->min && x < (double)o->max;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_map(c, value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_map_backward(c, slope);
}

const tn_kernel tn_reference_clip = {
    .op = "clip",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
