/* broadcast: the dimensions that kernels of two inputs walk over. */
#include "backends/broadcast.h"

void tn_broadcast_add(tn_broadcast *s, int64_t dim, int64_t a_step, int64_t b_step)
{
    const int last = s->ndim - 1;
    if (dim == 1)
        return;
    if (last >= 0 && s->step[0][last] == a_step * dim && s->step[1][last] == b_step * dim) {
        s->dim[last] *= dim;
        s->step[0][last] = a_step;
        s->step[1][last] = b_step;
        return;
    }
    s->dim[s->ndim] = dim;
    s->step[0][s->ndim] = a_step;
    s->step[1][s->ndim++] = b_step;
}

void tn_broadcast_end(tn_broadcast *s)
{
    if (s->ndim > 0)
        return;
    s->ndim = 1;
    s->dim[0] = s->step[0][0] = s->step[1][0] = 1;
}

tn_shape tn_broadcast_input(const tn_node *n, int i)
{
    if (i < n->num_in)
        return n->x[i];
    tn_shape shape = n->param[0].shape; /* C x 1 x 1 for images */
    while (shape.ndim < n->y[0].ndim - 1)
        shape.dim[shape.ndim++] = 1;
    return shape;
}

int64_t tn_broadcast_step(const tn_node *n, int i, int at)
{
    const tn_shape *y = &n->y[0], x = tn_broadcast_input(n, i);
    int64_t step = 1;
    if (tn_aligned_dim(&x, y, at) == 1)
        return 0;
    for (int d = at + 1; d < y->ndim; d++)
        step *= tn_aligned_dim(&x, y, d);
    return step;
}

tn_broadcast tn_broadcast_of(const tn_node *n)
{
    tn_broadcast s = {0};
    for (int d = 0; d < n->y[0].ndim; d++)
        tn_broadcast_add(&s, n->y[0].dim[d], tn_broadcast_step(n, 0, d),
                         tn_broadcast_step(n, 1, d));
    tn_broadcast_end(&s);
    return s;
}

bool tn_broadcast_repeats(const tn_broadcast *s, int i)
{
    for (int d = 0; d < s->ndim; d++)
        if (s->step[i][d] == 0)
            return true;
    return false;
}
