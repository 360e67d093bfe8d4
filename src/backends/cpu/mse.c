/* mse: (x - target)^2, on the CPU. */
#include "backends/cpu/pair/pair.h"

static double value(double x, double target, double unused)
{
    (void)unused;
    return (x - target) * (x - target);
}

static tn_pair_slopes slopes(float x, float target, float unused)
{
    (void)unused;
    return (tn_pair_slopes){2 * (x - target), 2 * (target - x)};
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

const tn_kernel tn_cpu_mse = {
    .op = "mse",
    .prepare = tn_pair_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
