/* sigmoid on the CPU. */
#include "backends/cpu/elementwise/unary.h"

TN_UNARY_LOOPS(sigmoid, loops);

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_unary_prepare(d, n, b, &(tn_unary_spec){.loops = loops, .reads_y = true});
}

const tn_kernel tn_cpu_sigmoid = {
    .op = "sigmoid",
    .prepare = prepare,
    .forward = tn_unary_forward,
    .backward = tn_unary_backward,
    .release = tn_unary_release,
};
