/* log_softmax on the CPU, by the loops of softmax/. */
#include "backends/cpu/softmax/softmax.h"

static tn_status forward(const tn_call *c)
{
    return tn_softmax_forward(c, true);
}

static tn_status backward(const tn_call *c)
{
    return tn_softmax_backward(c, true);
}

const tn_kernel tn_cpu_log_softmax = {
    .op = "log_softmax",
    .prepare = tn_softmax_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
