/* relu by a kernel of our own; conv2d and dense do theirs themselves. */
#include "backends/cuda/elementwise/elementwise.h"

static tn_status forward(const tn_call *c)
{
    struct tnk_map_args a = tn_elementwise_args(c, 0);
    TN_ELEMENTWISE(c, tnk_relu, &a);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    if (!c->dx[0])
        return TN_OK;
    struct tnk_map_back_args a = tn_elementwise_back_args(c, 0);
    TN_ELEMENTWISE(c, tnk_relu_back, &a);
    return TN_OK;
}

const tn_kernel tn_cuda_relu = {
    .op = "relu",
    .prepare = tn_elementwise_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_elementwise_release,
};
