/* leaky_relu on oneDNN's element-wise primitive. */
#include "backends/cpu/onednn/eltwise.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_eltwise_prepare(d, n, b, dnnl_eltwise_relu_use_dst_for_bwd,
                              ((const tn_leaky_relu_opts *)n->opts)->slope);
}

const tn_kernel tn_cpu_leaky_relu = {
    .op = "leaky_relu",
    .name = "onednn",
    .prepare = prepare,
    .forward = tn_eltwise_forward,
    .backward = tn_eltwise_backward,
    .release = tn_eltwise_release,
    .describe = tn_eltwise_describe,
};
