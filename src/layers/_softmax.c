#include "layers/_softmax.h"

#include "base/base.h"

tn_status tn_softmax_infer(tn_node *n)
{
    tn_softmax_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_complete_axis(n, &o->axis, 1));
    n->y[0] = n->x[0];
    if (n->x_batch[0] == o->axis)
        n->y_batch[0] = TN_BATCH_MIXED;
    return TN_OK;
}

/* A comparison, a subtraction, an exponential, a sum, and a product or a subtraction. */
double tn_softmax_flops(const tn_node *n)
{
    return 5.0 * (double)tn_elements(&n->x[0]);
}

const tn_attr tn_softmax_attrs[] = {
    {"axis", "axis", TN_ATTR_INT, offsetof(tn_softmax_opts, axis)},
    {0},
};
