/* mask on the CPU: any layout. */
#include "backends/cpu/elementwise/binary.h"

TN_BINARY_LOOPS(mask);

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_binary_prepare(
        d, n, b,
        &(tn_binary_spec){.loops = loops, .reads = {{false, true}, {false}}, .keeps_zero = true});
}

const tn_kernel tn_cpu_mask = {
    .op = "mask",
    .prepare = prepare,
    .forward = tn_binary_forward,
    .backward = TN_BACKWARD(tn_binary_backward),
    .release = tn_binary_release,
};
