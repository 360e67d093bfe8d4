/*
 * dense: y[n,k] = bias[k] + sum over d of weight[k,d] x[n,d].
 *   dx[n,d] = sum over k of dy[n,k] weight[k,d]     dweight[k,d] = sum over n of dy[n,k] x[n,d]
 *   dbias[k] = sum over n of dy[n,k]
 */
#include "backends/cpu/reference/_reference.h"

enum { WEIGHT, BIAS };

typedef struct sizes {
    int64_t N, D, K;
} sizes;

static sizes read_sizes(const tn_node *n)
{
    const int64_t N = n->x[0].dim[0];
    return (sizes){N, tn_elements(&n->x[0]) / N, n->y[0].dim[1]};
}

static void find_y(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *x = c->x[0], *weight = c->w[WEIGHT], *bias = c->w[BIAS];
    float *y = c->y[0];
    for (int64_t n = p.begin; n < p.end; n++)
        for (int64_t k = 0; k < s.K; k++) {
            double sum = bias ? (double)bias[k] : 0;
            for (int64_t d = 0; d < s.D; d++)
                sum += (double)weight[k * s.D + d] * (double)x[n * s.D + d];
            y[n * s.K + k] = (float)sum;
        }
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, read_sizes(c->node).N, 1, find_y, c);
    return TN_OK;
}

static void find_dx(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *weight = c->w[WEIGHT], *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t n = p.begin; n < p.end; n++)
        for (int64_t d = 0; d < s.D; d++) {
            double sum = 0;
            for (int64_t k = 0; k < s.K; k++)
                sum += (double)dy[n * s.K + k] * (double)weight[k * s.D + d];
            dx[n * s.D + d] = (float)sum;
        }
}

static void find_dweight(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *x = c->x[0], *dy = c->dy[0];
    float *dweight = c->dw[WEIGHT];
    for (int64_t k = p.begin; k < p.end; k++)
        for (int64_t d = 0; d < s.D; d++) {
            double sum = 0;
            for (int64_t n = 0; n < s.N; n++)
                sum += (double)dy[n * s.K + k] * (double)x[n * s.D + d];
            dweight[k * s.D + d] = (float)sum;
        }
}

static void find_dbias(const tn_call *c, const sizes *s)
{
    const float *dy = c->dy[0];
    float *dbias = c->dw[BIAS];
    for (int64_t k = 0; k < s->K; k++) {
        double sum = 0;
        for (int64_t n = 0; n < s->N; n++)
            sum += (double)dy[n * s->K + k];
        dbias[k] = (float)sum;
    }
}

static tn_status backward(const tn_call *c)
{
    const sizes s = read_sizes(c->node);
    if (c->dx[0])
        tn_each(c->device, s.N, 1, find_dx, c);
    if (c->dw[WEIGHT])
        tn_each(c->device, s.K, 1, find_dweight, c);
    if (c->dw[BIAS])
        find_dbias(c, &s);
    return TN_OK;
}

const tn_kernel tn_reference_dense = {
    .op = "dense",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
