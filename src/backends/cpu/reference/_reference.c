#include "backends/cpu/reference/_reference.h"

#include "base/base.h"

tn_status tn_reference_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    for (int i = 0; i < n->num_in; i++) {
        b->x[i] = NULL;
        b->backward_reads_x[i] = true;
    }
    return TN_OK;
}

tn_status tn_reference_prepare_sums(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = b->training ? (size_t)tn_elements(&n->x[0]) * sizeof(double) : 0;
    return TN_OK;
}

double *tn_reference_sums(const tn_call *c, int64_t count)
{
    double *sum = c->scratch;
    for (int64_t i = 0; i < count; i++)
        sum[i] = 0;
    return sum;
}

void tn_reference_store(float *to, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

tn_status tn_reference_map(const tn_call *c, tn_reference_function *f)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < count; i++)
        y[i] = (float)f((double)x[i], c->node->opts);
    return TN_OK;
}

tn_status tn_reference_map_backward(const tn_call *c, tn_reference_function *slope)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *x = c->x[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    if (!dx)
        return TN_OK;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < count; i++)
        dx[i] = (float)((double)dy[i] * slope((double)x[i], c->node->opts));
    return TN_OK;
}
