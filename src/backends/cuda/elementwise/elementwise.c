#include "backends/cuda/elementwise/elementwise.h"

enum { VECTOR_BYTES = 16 };

tn_status tn_elementwise_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_any(d, n, b, 0));
    b->y[0] = b->x[0];
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    return tn_elementwise_state(d, n, b);
}

tn_elementwise tn_elementwise_of(const tn_backend_device *d, const tn_node *n, const tn_binding *b)
{
    tn_elementwise s = {.dtype = tn_cuda_dtype(b->x[0]), .count = tn_cuda_count(b->x[0], &n->x[0])};
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(s.dtype);
    s.grid = tn_cuda_grid(d, (s.count + lanes - 1) / lanes);
    return s;
}

tn_status tn_elementwise_state(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_elementwise *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    *s = tn_elementwise_of(d, n, b);
    b->state = s;
    return TN_OK;
}

void tn_elementwise_release(void *state)
{
    tn_free(state);
}

struct tnk_map_args tn_elementwise_args(const tn_call *c, float slope)
{
    const tn_elementwise *s = c->state;
    return (struct tnk_map_args){.x = c->x[0], .y = c->y[0], .count = s->count, .slope = slope};
}

struct tnk_map_back_args tn_elementwise_back_args(const tn_call *c, float slope)
{
    const tn_elementwise *s = c->state;
    return (struct tnk_map_back_args){
        .y = c->y[0], .dy = c->dy[0], .dx = c->dx[0], .count = s->count, .slope = slope};
}

tn_status tn_elementwise_copy(const tn_call *c, void *to, const void *from)
{
    const tn_elementwise *s = c->state;
    if (to == from)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            cudaMemcpyAsync(to, from, (size_t)s->count * tn_dtype_bytes(s->dtype),
                            cudaMemcpyDeviceToDevice, c->device->compute));
    return TN_OK;
}
