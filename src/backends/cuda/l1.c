/* l1 by the kernels of pair/. */
#include "backends/cuda/pair/pair.h"

static tn_status forward(const tn_call *c)
{
    return tn_cuda_pair_forward(c, TNK_PAIR_L1, 0);
}

static tn_status backward(const tn_call *c)
{
    return tn_cuda_pair_backward(c, TNK_PAIR_L1, 0);
}

const tn_kernel tn_cuda_l1 = {
    .op = "l1",
    .prepare = tn_cuda_pair_prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_cuda_pair_release,
};
