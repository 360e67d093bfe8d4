/* conv_transpose2d by cuDNN's graphs, which conv2d has for its passes. */
#include "backends/cuda/adjoint/adjoint.h"

extern const tn_kernel tn_cuda_conv2d_cudnn;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_cuda_adjoint_prepare(&tn_cuda_conv2d_cudnn, d, n, b);
}

const tn_kernel tn_cuda_conv_transpose2d_cudnn = {
    .op = "conv_transpose2d",
    .name = "cudnn",
    .rank = 1,
    .prepare = prepare,
    .forward = tn_cuda_adjoint_forward,
    .backward = tn_cuda_adjoint_backward,
    .release = tn_cuda_adjoint_release,
    .describe = tn_cuda_adjoint_describe,
};
