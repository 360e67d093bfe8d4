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

TN_REFERENCE_MAP(clip, value, slope);
