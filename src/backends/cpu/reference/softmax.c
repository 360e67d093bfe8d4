/* softmax: y[n,k] = exp(x[n,k]) / sum over j of exp(x[n,j]),   dx = y (dy - sum over j of dy[j] y[j]). */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"

static tn_status forward(const tn_call *c)
{
    const int64_t N = c->node->x[0].dim[0], K = c->node->x[0].dim[1];
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t n = 0; n < N; n++) {
        const double log_sum = tn_reference_log_sum(x + n * K, K);
        for (int64_t i = n * K; i < (n + 1) * K; i++)
            y[i] = (float)exp((double)x[i] - log_sum);
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t N = c->node->x[0].dim[0], K = c->node->x[0].dim[1];
    const float *x = c->x[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    if (!dx)
        return TN_OK;
    for (int64_t n = 0; n < N; n++) {
        const double log_sum = tn_reference_log_sum(x + n * K, K);
        double dot = 0;
        for (int64_t i = n * K; i < (n + 1) * K; i++)
            dot += (double)dy[i] * exp((double)x[i] - log_sum);
        for (int64_t i = n * K; i < (n + 1) * K; i++)
            dx[i] = (float)(exp((double)x[i] - log_sum) * ((double)dy[i] - dot));
    }
    return TN_OK;
}

const tn_kernel tn_reference_softmax = {
    .op = "softmax",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
