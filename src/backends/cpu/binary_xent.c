/* binary_xent: cross entropy of yes and no, from logits, on the CPU. */
#include <math.h>

#include "backends/cpu/pair/pair.h"

/* log(1 + exp(-x)) is `less`, at most log 2, where x is above 0, and -x more below. */
static double value(double x, double target, double positive)
{
    const double less = log1p(exp(-fabs(x)));
    return (1 - target) * x + (1 + (positive - 1) * target) * (less + (x < 0 ? -x : 0));
}

static tn_pair_slopes slopes(float x, float target, float positive)
{
    const float e = expf(-fabsf(x)), rest = (x < 0 ? 1 : e) / (1 + e); /* 1 - p */
    const float log_sum = log1pf(e) + (x < 0 ? -x : 0);
    return (tn_pair_slopes){(1 - target) - (1 + (positive - 1) * target) * rest,
                            (positive - 1) * log_sum - x};
}

static float positive_weight_of(const tn_call *c)
{
    return ((const tn_binary_xent_opts *)c->node->opts)->positive_weight;
}

static void sums(const void *c, tn_piece p)
{
    tn_pair_sums(c, p, value, (double)positive_weight_of(c));
}

static void gradients(const void *c, tn_piece p)
{
    tn_pair_gradients(c, p, slopes, positive_weight_of(c));
}

static tn_status forward(const tn_call *c)
{
    return tn_pair_forward(c, sums);
}

static tn_status backward(const tn_call *c)
{
    return tn_pair_backward(c, gradients);
}

const tn_kernel tn_cpu_binary_xent = {
    .op = "binary_xent",
    .prepare = tn_pair_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
