/* huber by the kernels of pair/. */
#include "backends/cuda/pair/pair.h"

static tn_status forward(const tn_call *c)
{
    return tn_cuda_pair_forward(c, TNK_PAIR_HUBER, ((const tn_huber_opts *)c->node->opts)->delta);
}

static tn_status backward(const tn_call *c)
{
    return tn_cuda_pair_backward(c, TNK_PAIR_HUBER, ((const tn_huber_opts *)c->node->opts)->delta);
}

const tn_kernel tn_cuda_huber = {
    .op = "huber",
    .prepare = tn_cuda_pair_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_pair_release,
};
