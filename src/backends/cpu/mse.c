/*
 * mse on the CPU. Squares are summed in double, block by block, and the blocks' sums in their order,
 * so that the loss is the same for any number of threads.
 */
#include "backends/cpu/device/cpu.h"

enum { BLOCK = 4096 }; /* elements a sum */

static int64_t blocks_of(int64_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    b->x[0] = b->x[1] = NULL;
    b->scratch_bytes = (size_t)blocks_of(tn_elements(&n->x[0])) * sizeof(double);
    b->backward_reads_x[0] = b->backward_reads_x[1] = true;
    return TN_OK;
}

/* Elements of rows that hold a sample, and how many the mean divides by. */
static int64_t find_count(const tn_call *c, double *divisor)
{
    const tn_shape *x = &c->node->x[0];
    const int shares = c->run->shares;
    const int64_t each = x->ndim ? tn_elements(x) / x->dim[0] : 1;
    const int64_t all = x->ndim ? tn_run_all_rows(c->run, c->node) : 1;
    *divisor = (double)(all * each) / (x->ndim && shares > 0 ? shares : 1);
    *divisor += *divisor == 0; /* then all sums are 0 */
    return x->ndim ? each * tn_run_rows(c->run, c->node) : 1;
}

static tn_status forward(const tn_call *c)
{
    double divisor;
    const int64_t count = find_count(c, &divisor), blocks = blocks_of(count);
    const float *x = c->x[0], *target = c->x[1];
    double *sum = c->scratch;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t end = count < (b + 1) * BLOCK ? count : (b + 1) * BLOCK;
        sum[b] = 0;
        for (int64_t i = b * BLOCK; i < end; i++) {
            const double difference = (double)x[i] - (double)target[i];
            sum[b] += difference * difference;
        }
    }
    double total = 0;
    for (int64_t b = 0; b < blocks; b++)
        total += sum[b];
    if (c->y[0])
        *(float *)c->y[0] = (float)(total / divisor);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    double divisor;
    const int64_t all = tn_elements(&c->node->x[0]), count = find_count(c, &divisor);
    const float *x = c->x[0], *target = c->x[1];
    const float scale = (float)(2.0 / divisor * (double)*(const float *)c->dy[0]);
    for (int i = 0; i < 2; i++) {
        float *dx = c->dx[i];
        const float factor = i == 0 ? scale : -scale;
        if (!dx)
            continue;
#pragma omp parallel for simd num_threads(c->device->threads) schedule(static)
        for (int64_t j = 0; j < count; j++)
            dx[j] = factor * (x[j] - target[j]);
        memset(dx + count, 0, (size_t)(all - count) * sizeof *dx);
    }
    return TN_OK;
}

const tn_kernel tn_cpu_mse = {
    .op = "mse",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
