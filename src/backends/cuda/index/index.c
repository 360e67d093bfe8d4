#include "backends/cuda/index/index.h"

#include "backends/cuda/device/fault.h"
#include "backends/cuda/kernels/index.h"

/* A bad index that nobody was told of is forgotten: its message would begin with the node's name. */
void tn_cuda_index_release(void *state)
{
    const tn_cuda_index *s = state;
    if (s->control && tn_cuda_use(s->device) == TN_OK)
        tn_cuda_fault_drop(s->device, s->control);
    tn_free(state);
}

tn_status tn_cuda_index_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    TN_TRY(tn_cuda_give_rows(d, n, b));
    tn_cuda_index *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->device = d;
    for (int i = 1; i < n->num_in; i++) {
        b->x[i] = NULL;
        b->backward_reads_x[i] = true;
    }
    b->state = s;
    return TN_OK;
}

tn_status tn_cuda_index_check(const tn_call *c, int64_t low, int64_t high, int64_t allowed,
                              int kind)
{
    tn_cuda_index *s = c->state;
    struct tnk_index_check_args a = {.indices = c->x[1],
                                     .count = tn_elements(&c->node->x[1]),
                                     .low = low,
                                     .high = high,
                                     .allowed = allowed,
                                     .control = c->run->control,
                                     .where = (uint64_t)(uintptr_t)c->node,
                                     .kind = kind};
    TN_TRY(tn_cuda_fault_claim(c->device, c->run->control, &a.fault));
    s->control = c->run->control;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_index_check, 1, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}
