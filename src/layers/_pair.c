#include "layers/_pair.h"

#include <math.h>

#include "base/base.h"

tn_status tn_pair_infer(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_input(n, 1, 0));
    if (!tn_shape_equal(&n->x[0], &n->x[1]))
        return tn_fail(TN_ERR_SHAPE, "%s %s: x is %s, target %s: not the same shape", n->op->name,
                       n->name, tn_shape_format(&n->x[0]).text, tn_shape_format(&n->x[1]).text);
    n->y[0] = (tn_shape){0};
    return TN_OK;
}

tn_status tn_pair_check(const tn_node *n, const char *what, float value)
{
    if (value > 0 && isfinite(value))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s %s: %s %g is not above 0", n->op->name, n->name, what,
                   (double)value);
}
