/* leaky_relu: the kernel of relu, with a slope. */
#include "backends/cuda/elementwise/elementwise.h"

static tn_status forward(const tn_call *c)
{
    struct tnk_map_args a =
        tn_elementwise_args(c, ((const tn_leaky_relu_opts *)c->node->opts)->slope);
    TN_ELEMENTWISE(c, tnk_relu, &a);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    if (!c->dx[0])
        return TN_OK;
    struct tnk_map_back_args a =
        tn_elementwise_back_args(c, ((const tn_leaky_relu_opts *)c->node->opts)->slope);
    TN_ELEMENTWISE(c, tnk_relu_back, &a);
    return TN_OK;
}

const tn_kernel tn_cuda_leaky_relu = {
    .op = "leaky_relu",
    .prepare = tn_elementwise_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_elementwise_release,
};
