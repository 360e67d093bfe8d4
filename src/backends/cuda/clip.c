/* clip by a kernel of our own. Backward reads x: y is rounded, and with it min and max. */
#include "backends/cuda/elementwise/unary.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_clip_opts *o = n->opts;
    return tn_unary_prepare(d, n, b, &(tn_unary_spec){.formula = TNK_CLIP, .k = {o->min, o->max}});
}

const tn_kernel tn_cuda_clip = {
    .op = "clip",
    .prepare = prepare,
    .forward = tn_unary_forward,
    .backward = tn_unary_backward,
    .release = tn_unary_release,
};
