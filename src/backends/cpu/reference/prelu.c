/* prelu: y = x where x > 0, else weight[c] x. */
#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

/* Which weight element i has. */
static int64_t weight_of(const tn_node *n, int64_t i)
{
    const tn_shape *x = &n->x[0];
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++)
        area *= x->dim[d];
    return ((const tn_prelu_opts *)n->opts)->shared ? 0 : i / area % x->dim[1];
}

static tn_status forward(const tn_call *c)
{
    const float *x = c->x[0], *w = c->w[0];
    float *y = c->y[0];
    for (int64_t i = 0; i < tn_elements(&c->node->x[0]); i++)
        y[i] = x[i] > 0 ? x[i] : w[weight_of(c->node, i)] * x[i];
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t weights = tn_elements(&c->node->param[0].shape);
    const float *x = c->x[0], *w = c->w[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    double *dw = tn_reference_sums(c, weights);
    for (int64_t i = 0; i < tn_elements(&c->node->x[0]); i++) {
        const int64_t at = weight_of(c->node, i);
        dw[at] += x[i] > 0 ? 0 : (double)x[i] * (double)dy[i];
        if (dx)
            dx[i] = x[i] > 0 ? dy[i] : w[at] * dy[i];
    }
    if (c->dw[0])
        tn_reference_store(c->dw[0], dw, weights);
    return TN_OK;
}

const tn_kernel tn_reference_prelu = {
    .op = "prelu",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
