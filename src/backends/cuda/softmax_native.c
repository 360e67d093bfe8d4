/* softmax by the kernels of softmax/. */
#include "backends/cuda/softmax/softmax.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_cuda_softmax_prepare(d, n, b, false);
}

static tn_status forward(const tn_call *c)
{
    return tn_cuda_softmax_forward(c, false);
}

static tn_status backward(const tn_call *c)
{
    return tn_cuda_softmax_backward(c, false);
}

const tn_kernel tn_cuda_softmax_native = {
    .op = "softmax",
    .name = "native",
    .rank = 2,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_softmax_release,
};
