#include "backends/cpu/pair/pair.h"

tn_status tn_pair_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    b->x[0] = b->x[1] = NULL;
    b->scratch_bytes = (size_t)tn_pair_blocks(tn_elements(&n->x[0])) * sizeof(double);
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

void tn_pair_mean(const tn_call *c, int64_t blocks, double divisor)
{
    const double *sum = c->scratch;
    double total = 0;
    for (int64_t b = 0; b < blocks; b++)
        total += sum[b];
    if (c->y[0])
        *(float *)c->y[0] = (float)(total / divisor);
}
