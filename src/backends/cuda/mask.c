/* mask by a kernel of our own. */
#include "backends/cuda/elementwise/binary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_binary_prepare(d, n, b,
                             &(tn_binary_spec){
                                 .y = TNK_MASK,
                                 .gradient = {TNK_MASK_A, TNK_MASK_B},
                                 .reads = {{false, true}, {false}},
                             });
}

const tn_kernel tn_cuda_mask = {
    .op = "mask",
    .prepare = prepare,
    .forward = tn_binary_forward,
    .backward = tn_binary_backward,
    .release = tn_binary_release,
};
