/* pad: x from `before` on, and a constant around it. */
#include "backends/cpu/reference/_index.h"

static bool from(const tn_node *n, const int64_t *y, int64_t *x)
{
    bool inside = true;
    for (int k = 0; k < n->x[0].ndim; k++) {
        x[k] = y[k] - ((const tn_pad_opts *)n->opts)->before.dim[k];
        inside &= x[k] >= 0 && x[k] < n->x[0].dim[k];
    }
    return inside;
}

static tn_status forward(const tn_call *c)
{
    return tn_reference_move(c, from, ((const tn_pad_opts *)c->node->opts)->value);
}

static tn_status backward(const tn_call *c)
{
    return tn_reference_move_backward(c, from);
}

const tn_kernel tn_reference_pad = {
    .op = "pad",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
