/* log by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_unary_prepare(d, n, b, &(tn_unary_spec){.formula = TNK_LOG});
}

const tn_kernel tn_cuda_log = {
    .op = "log",
    .prepare = prepare,
    .forward = tn_unary_forward,
    .backward = tn_unary_backward,
    .release = tn_unary_release,
};
