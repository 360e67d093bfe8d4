/* gather: y[o,j,i] = x[o, indices[j], i]; dx adds up what each index took. */
#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

/* Which element of x number i of y is. */
static int64_t place(const tn_call *c, int64_t i)
{
    const tn_gather_opts *o = c->node->opts;
    const tn_lines l = tn_lines_along(&c->node->x[0], o->axis);
    const int64_t J = o->each ? c->node->x[1].dim[o->axis] : tn_elements(&c->node->x[1]);
    const int64_t index = ((const int32_t *)c->x[1])[o->each ? i : i / l.inner % J];
    return (i / l.inner / J * l.size + (index < 0 ? index + l.size : index)) * l.inner +
           i % l.inner;
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t S = n->x[0].dim[((const tn_gather_opts *)n->opts)->axis];
    const int32_t *index = c->x[1];
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t j = 0; j < tn_elements(&n->x[1]); j++)
        if (index[j] < -S || index[j] >= S)
            return tn_fail(TN_ERR_ARGUMENT,
                           "gather %s: index %d in row %lld is not in [%lld, %lld)", n->name,
                           (int)index[j], (long long)j, (long long)-S, (long long)S);
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++)
        y[i] = x[place(c, i)];
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *dy = c->dy[0];
    if (!c->dx[0])
        return TN_OK;
    double *sums = tn_reference_sums(c, count);
    for (int64_t i = 0; i < tn_elements(&c->node->y[0]); i++)
        sums[place(c, i)] += (double)dy[i];
    tn_reference_store(c->dx[0], sums, count);
    return TN_OK;
}

const tn_kernel tn_reference_gather = {
    .op = "gather",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
