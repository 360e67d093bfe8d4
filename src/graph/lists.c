/*
 * lists: options that are a number a dimension, or that name one.
 */
#include "graph/graph.h"

tn_status tn_find_axis(const tn_node *n, int64_t axis, int *out)
{
    const int ndim = n->x[0].ndim;
    if (axis < -ndim || axis >= ndim)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: x is %s, which has no axis %lld", n->op->name,
                       n->name, tn_shape_format(&n->x[0]).text, (long long)axis);
    *out = (int)(axis < 0 ? axis + ndim : axis);
    return TN_OK;
}

tn_status tn_check_list(const tn_node *n, const char *name, const tn_shape *list, int least,
                        int most)
{
    if (list->ndim >= least && list->ndim <= most)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s %s: %s is a list of %d numbers, not of %d to %d",
                   n->op->name, n->name, name, list->ndim, least, most);
}

double tn_no_flops(const tn_node *n)
{
    (void)n;
    return 0;
}
