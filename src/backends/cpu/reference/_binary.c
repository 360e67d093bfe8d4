#include "backends/cpu/reference/_binary.h"

#include "base/base.h"

/* Which element of x, whose last dimension is in line with y's, goes into element i of y. */
static int64_t element_of(const tn_shape *x, const tn_shape *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = y->ndim; d-- > 0;) {
        const int64_t dim = tn_aligned_dim(x, y, d), place = i % y->dim[d];
        i /= y->dim[d];
        at += dim == 1 ? 0 : place * step;
        step *= dim;
    }
    return at;
}

tn_status tn_reference_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_reference_prepare(d, n, b));
    const int64_t most = tn_elements(&n->x[0]) > tn_elements(&n->x[1]) ? tn_elements(&n->x[0])
                                                                       : tn_elements(&n->x[1]);
    b->scratch_bytes = b->training ? (size_t)most * sizeof(double) : 0;
    return TN_OK;
}

tn_status tn_reference_binary(const tn_call *c, tn_reference_of_two *f)
{
    const tn_shape *shape = &c->node->y[0];
    const float *a = c->x[0], *b = c->x[1];
    float *y = c->y[0];
    for (int64_t i = 0; i < tn_elements(shape); i++)
        y[i] = (float)f((double)a[element_of(&c->node->x[0], shape, i)],
                        (double)b[element_of(&c->node->x[1], shape, i)]);
    return TN_OK;
}

static void sum_up(const tn_call *c, int input, tn_reference_of_two *slope)
{
    const tn_node *n = c->node;
    const float *a = c->x[0], *b = c->x[1], *dy = c->dy[0];
    const int64_t count = tn_elements(&n->x[input]);
    double *sum = tn_reference_sums(c, count);
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++) {
        const int64_t at[] = {element_of(&n->x[0], &n->y[0], i), element_of(&n->x[1], &n->y[0], i)};
        sum[at[input]] += (double)dy[i] * slope((double)a[at[0]], (double)b[at[1]]);
    }
    tn_reference_store(c->dx[input], sum, count);
}

tn_status tn_reference_binary_backward(const tn_call *c, tn_reference_of_two *by_a,
                                       tn_reference_of_two *by_b)
{
    if (c->dx[0])
        sum_up(c, 0, by_a);
    if (c->dx[1])
        sum_up(c, 1, by_b);
    return TN_OK;
}
