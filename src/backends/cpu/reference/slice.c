/* slice: every step-th element from begin on. */
#include "backends/cpu/reference/_index.h"

static bool from(const tn_node *n, const int64_t *y, int64_t *x)
{
    const tn_slice_opts *o = n->opts;
    for (int k = 0; k < n->x[0].ndim; k++)
        x[k] = o->begin.dim[k] + y[k] * o->step.dim[k];
    return true;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_move(c, from, 0);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_move_backward(c, from);
}

const tn_kernel tn_reference_slice = {
    .op = "slice",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
