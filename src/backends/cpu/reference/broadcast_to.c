/* broadcast_to: the only element of a dimension again and again. */
#include "backends/cpu/reference/_index.h"

static bool from(const tn_node *n, const int64_t *y, int64_t *x)
{
    const int ahead = n->y[0].ndim - n->x[0].ndim;
    for (int k = 0; k < n->x[0].ndim; k++)
        x[k] = n->x[0].dim[k] == 1 ? 0 : y[ahead + k];
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

const tn_kernel tn_reference_broadcast_to = {
    .op = "broadcast_to",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
