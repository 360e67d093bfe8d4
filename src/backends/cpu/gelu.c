/* gelu on the CPU. */
#include "backends/cpu/elementwise/unary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_UNARY_LOOPS(gelu, by_erf);
    TN_UNARY_LOOPS(gelu_tanh, by_tanh);
    return tn_unary_prepare(d, n, b, ((const tn_gelu_opts *)n->opts)->tanh ? by_tanh : by_erf);
}

const tn_kernel tn_cpu_gelu = {
    .op = "gelu",
    .prepare = prepare,
    .forward = tn_unary_forward,
    .backward = TN_BACKWARD(tn_unary_backward),
    .release = tn_unary_release,
};
