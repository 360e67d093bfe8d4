/* softmax on the CPU, by the loops of softmax/. */
#include "backends/cpu/softmax/softmax.h"

static tn_status forward(const tn_call *c)
{
    return tn_softmax_forward(c, false);
}

static tn_status backward(const tn_call *c)
{
    return tn_softmax_backward(c, false);
}

const tn_kernel tn_cpu_softmax = {
    .op = "softmax",
    .prepare = tn_softmax_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
