/*
 * infer: shapes that several layers compute the same way.
 */
#include "graph/graph.h"

tn_status tn_infer_same(tn_node *n)
{
    n->y[0] = n->x[0];
    return tn_check_input(n, 0, 0);
}

tn_status tn_infer_broadcast(tn_node *n)
{
    TN_TRY(tn_check_input(n, 0, 0));
    TN_TRY(tn_check_input(n, 1, 0));
    const tn_shape *a = &n->x[0], *b = &n->x[1];
    tn_shape y = {.ndim = a->ndim > b->ndim ? a->ndim : b->ndim};
    for (int i = 0; i < y.ndim; i++) {
        const int64_t one = tn_aligned_dim(a, &y, i), other = tn_aligned_dim(b, &y, i);
        if (one != other && one != 1 && other != 1)
            return tn_fail(
                TN_ERR_SHAPE,
                "%s %s: %s and %s: with their last dimensions in line, %lld stands over %lld",
                n->op->name, n->name, tn_shape_format(a).text, tn_shape_format(b).text,
                (long long)one, (long long)other);
        y.dim[i] = one == 1 ? other : one;
    }
    n->y[0] = y;
    return TN_OK;
}
