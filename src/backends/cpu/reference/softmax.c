/* softmax: y[k] = exp(x[k]) / sum over j of exp(x[j]),   dx = y (dy - sum over j of dy[j] y[j]), along the axis. */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"

static tn_status forward(const tn_call *c)
{
    const tn_lines l =
        tn_lines_along(&c->node->x[0], ((const tn_softmax_opts *)c->node->opts)->axis);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        const float *x = (const float *)c->x[0] + tn_reference_line(&l, i);
        float *y = (float *)c->y[0] + tn_reference_line(&l, i);
        const double log_sum = tn_reference_log_sum(x, l.size, l.inner);
        for (int64_t k = 0; k < l.size; k++)
            y[k * l.inner] = (float)exp((double)x[k * l.inner] - log_sum);
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_lines l =
        tn_lines_along(&c->node->x[0], ((const tn_softmax_opts *)c->node->opts)->axis);
    for (int64_t i = 0; c->dx[0] && i < l.outer * l.inner; i++) {
        const int64_t at = tn_reference_line(&l, i);
        const float *x = (const float *)c->x[0] + at, *dy = (const float *)c->dy[0] + at;
        float *dx = (float *)c->dx[0] + at;
        const double log_sum = tn_reference_log_sum(x, l.size, l.inner);
        double dot = 0;
        for (int64_t k = 0; k < l.size; k++)
            dot += (double)dy[k * l.inner] * exp((double)x[k * l.inner] - log_sum);
        for (int64_t k = 0; k < l.size; k++)
            dx[k * l.inner] =
                (float)(exp((double)x[k * l.inner] - log_sum) * ((double)dy[k * l.inner] - dot));
    }
    return TN_OK;
}

const tn_kernel tn_reference_softmax = {
    .op = "softmax",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
