/* log_softmax by the kernels of softmax/. */
#include "backends/cuda/softmax/softmax.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_cuda_softmax_prepare(d, n, b, true);
}

static tn_status forward(const tn_call *c)
{
    return tn_cuda_softmax_forward(c, true);
}

static tn_status backward(const tn_call *c)
{
    return tn_cuda_softmax_backward(c, true);
}

const tn_kernel tn_cuda_log_softmax = {
    .op = "log_softmax",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_softmax_release,
};
