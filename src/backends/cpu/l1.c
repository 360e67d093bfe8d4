/* l1: |x - target|, on the CPU. */
#include <math.h>

#include "backends/cpu/pair/pair.h"

static double value(double x, double target, double unused)
{
    (void)unused;
    return fabs(x - target);
}

/* A NaN stays one. */
static tn_pair_slopes slopes(float x, float target, float unused)
{
    (void)unused;
    const float off = x - target, slope = off > 0 ? 1 : off < 0 ? -1 : off;
    return (tn_pair_slopes){slope, -slope};
}

static void sums(const void *c, tn_piece p)
{
    tn_pair_sums(c, p, value, 0);
}

static void gradients(const void *c, tn_piece p)
{
    tn_pair_gradients(c, p, slopes, 0);
}

static tn_status forward(const tn_call *c)
{
    return tn_pair_forward(c, sums);
}

static tn_status backward(const tn_call *c)
{
    return tn_pair_backward(c, gradients);
}

const tn_kernel tn_cpu_l1 = {
    .op = "l1",
    .prepare = tn_pair_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
