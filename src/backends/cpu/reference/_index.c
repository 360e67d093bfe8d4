#include "backends/cpu/reference/_index.h"

tn_status tn_reference_move(const tn_call *c, tn_reference_source *from, float rest)
{
    const tn_node *n = c->node;
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++) {
        int64_t to[TN_MAX_DIMS], at[TN_MAX_DIMS];
        tn_reference_index(&n->y[0], i, to);
        y[i] = from(n, to, at) ? x[tn_reference_number(&n->x[0], at)] : rest;
    }
    return TN_OK;
}

tn_status tn_reference_move_backward(const tn_call *c, tn_reference_source *from)
{
    const tn_node *n = c->node;
    const int64_t count = tn_elements(&n->x[0]);
    const float *dy = c->dy[0];
    if (!c->dx[0])
        return TN_OK;
    double *sums = tn_reference_sums(c, count);
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++) {
        int64_t to[TN_MAX_DIMS], at[TN_MAX_DIMS];
        tn_reference_index(&n->y[0], i, to);
        if (from(n, to, at))
            sums[tn_reference_number(&n->x[0], at)] += (double)dy[i];
    }
    tn_reference_store(c->dx[0], sums, count);
    return TN_OK;
}
