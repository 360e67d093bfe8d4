/* scale: y = weight[c] x + bias[c]. */
#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

/* The channel of element i. */
static int64_t channel_of(const tn_shape *x, int64_t i)
{
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++)
        area *= x->dim[d];
    return i / area % x->dim[1];
}

static tn_status forward(const tn_call *c)
{
    const tn_shape *shape = &c->node->x[0];
    const float *x = c->x[0], *w = c->w[0], *b = c->node->num_params > 1 ? c->w[1] : NULL;
    float *y = c->y[0];
    for (int64_t i = 0; i < tn_elements(shape); i++) {
        const int64_t at = channel_of(shape, i);
        y[i] = (float)((double)w[at] * (double)x[i] + (b ? (double)b[at] : 0));
    }
    return TN_OK;
}

/* gradient[c] = the sum of dy, times x unless that is NULL. */
static void sum_up(const tn_call *c, const float *x, float *gradient)
{
    const tn_shape *shape = &c->node->x[0];
    const float *dy = c->dy[0];
    double *sum = tn_reference_sums(c, shape->dim[1]);
    for (int64_t i = 0; i < tn_elements(shape); i++)
        sum[channel_of(shape, i)] += (double)dy[i] * (x ? (double)x[i] : 1);
    tn_reference_store(gradient, sum, shape->dim[1]);
}

static tn_status backward(const tn_call *c)
{
    const tn_shape *shape = &c->node->x[0];
    const float *w = c->w[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    if (c->dw[0])
        sum_up(c, c->x[0], c->dw[0]);
    if (c->dw[1])
        sum_up(c, NULL, c->dw[1]);
    for (int64_t i = 0; dx && i < tn_elements(shape); i++)
        dx[i] = w[channel_of(shape, i)] * dy[i];
    return TN_OK;
}

const tn_kernel tn_reference_scale = {
    .op = "scale",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare_sums,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
