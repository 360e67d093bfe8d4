#include "backends/cpu/pair/pair.h"

/* Blocks of so many elements. */
static int64_t blocks_of(int64_t count)
{
    return (count + TN_PAIR_BLOCK - 1) / TN_PAIR_BLOCK;
}

tn_status tn_pair_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    b->x[0] = b->x[1] = NULL;
    b->scratch_bytes = (size_t)blocks_of(tn_elements(&n->x[0])) * sizeof(double);
    b->backward_reads_x[0] = b->backward_reads_x[1] = true;
    return TN_OK;
}

int64_t tn_pair_count(const tn_call *c, double *divisor)
{
    const tn_shape *x = &c->node->x[0];
    const int shares = c->run->shares;
    const int64_t each = x->ndim ? tn_elements(x) / x->dim[0] : 1;
    const int64_t all = x->ndim ? tn_run_all_rows(c->run, c->node) : 1;
    *divisor = (double)(all * each) / (x->ndim && shares > 0 ? shares : 1);
    *divisor += *divisor == 0; /* then all sums are 0 */
    return x->ndim ? each * tn_run_rows(c->run, c->node) : 1;
}

tn_status tn_pair_forward(const tn_call *c, tn_work *sums)
{
    double divisor, total = 0;
    const int64_t blocks = blocks_of(tn_pair_count(c, &divisor));
    const double *sum = c->scratch;
    tn_each(c->device, blocks, 1, sums, c);
    for (int64_t b = 0; b < blocks; b++)
        total += sum[b];
    if (c->y[0])
        *(float *)c->y[0] = (float)(total / divisor);
    return TN_OK;
}

tn_status tn_pair_backward(const tn_call *c, tn_work *gradients)
{
    double divisor;
    const int64_t all = tn_elements(&c->node->x[0]), count = tn_pair_count(c, &divisor);
    tn_each(c->device, count, TN_FLOATS, gradients, c);
    for (int side = 0; side < 2; side++)
        if (c->dx[side])
            memset((float *)c->dx[side] + count, 0, (size_t)(all - count) * sizeof(float));
    return TN_OK;
}
