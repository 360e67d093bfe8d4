/* prelu by a kernel of our own. */
#include "backends/cuda/elementwise/binary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_binary_prepare(d, n, b,
                             &(tn_binary_spec){
                                 .y = TNK_PRELU,
                                 .gradient = {TNK_PRELU_A, TNK_PRELU_B},
                                 .reads = {{true, true}, {true, true}},
                             });
}

const tn_kernel tn_cuda_prelu = {
    .op = "prelu",
    .prepare = prepare,
    .forward = tn_binary_forward,
    .backward = tn_binary_backward,
    .release = tn_binary_release,
};
