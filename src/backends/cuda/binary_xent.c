/* binary_xent by the kernels of pair/. */
#include "backends/cuda/pair/pair.h"

static tn_status forward(const tn_call *c)
{
    return tn_cuda_pair_forward(c, TNK_PAIR_BINARY,
                                ((const tn_binary_xent_opts *)c->node->opts)->positive_weight);
}

static tn_status backward(const tn_call *c)
{
    return tn_cuda_pair_backward(c, TNK_PAIR_BINARY,
                                 ((const tn_binary_xent_opts *)c->node->opts)->positive_weight);
}

const tn_kernel tn_cuda_binary_xent = {
    .op = "binary_xent",
    .prepare = tn_cuda_pair_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_pair_release,
};
