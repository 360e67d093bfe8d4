/*
 * softmax on the CPU: a thread a row, sums in double.
 */
#include <math.h>

#include "backends/cpu/device/cpu.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const int64_t rows = c->node->x[0].dim[0], classes = c->node->x[0].dim[1];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < rows; n++) {
        const float *x = (const float *)c->x[0] + n * classes;
        float *y = (float *)c->y[0] + n * classes;
        float max = x[0];
        for (int64_t k = 1; k < classes; k++)
            max = x[k] > max ? x[k] : max;
        double sum = 0;
        for (int64_t k = 0; k < classes; k++) {
            y[k] = expf(x[k] - max);
            sum += (double)y[k];
        }
        for (int64_t k = 0; k < classes; k++)
            y[k] = (float)((double)y[k] / sum);
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t rows = c->node->x[0].dim[0], classes = c->node->x[0].dim[1];
    if (!c->dx[0])
        return TN_OK;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < rows; n++) {
        const float *y = (const float *)c->y[0] + n * classes;
        const float *dy = (const float *)c->dy[0] + n * classes;
        float *dx = (float *)c->dx[0] + n * classes;
        double dot = 0;
        for (int64_t k = 0; k < classes; k++)
            dot += (double)dy[k] * (double)y[k];
        for (int64_t k = 0; k < classes; k++)
            dx[k] = y[k] * (float)((double)dy[k] - dot);
    }
    return TN_OK;
}

const tn_kernel tn_cpu_softmax = {
    .op = "softmax",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
