/* scale by a kernel of our own. */
#include "backends/cuda/elementwise/binary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_binary_prepare(d, n, b,
                             &(tn_binary_spec){
                                 .y = n->num_params > 1 ? TNK_SCALE : TNK_MUL,
                                 .gradient = {TNK_MUL_A, TNK_MUL_B},
                                 .reads = {{false, true}, {true, false}},
                             });
}

const tn_kernel tn_cuda_scale = {
    .op = "scale",
    .prepare = prepare,
    .forward = tn_binary_forward,
    .backward = tn_binary_backward,
    .release = tn_binary_release,
};
