/* huber: a parabola up to delta, straight from there, on the CPU. */
#include <math.h>

#include "backends/cpu/pair/pair.h"

static double value(double x, double target, double delta)
{
    const double off = fabs(x - target);
    return off <= delta ? off * off / 2 : delta * (off - delta / 2);
}

static tn_pair_slopes slopes(float x, float target, float delta)
{
    const float off = x - target, slope = off > delta ? delta : off < -delta ? -delta : off;
    return (tn_pair_slopes){slope, -slope};
}

static float delta_of(const tn_call *c)
{
    return ((const tn_huber_opts *)c->node->opts)->delta;
}

static void sums(const void *c, tn_piece p)
{
    tn_pair_sums(c, p, value, (double)delta_of(c));
}

static void gradients(const void *c, tn_piece p)
{
    tn_pair_gradients(c, p, slopes, delta_of(c));
}

static tn_status forward(const tn_call *c)
{
    return tn_pair_forward(c, sums);
}

static tn_status backward(const tn_call *c)
{
    return tn_pair_backward(c, gradients);
}

const tn_kernel tn_cpu_huber = {
    .op = "huber",
    .prepare = tn_pair_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
