#include "backends/cuda/pair/pair.h"

enum { VECTOR_BYTES = 16, VECTORS_A_THREAD = 8 };

typedef struct pair {
    tn_dtype dtype; /* of the kernel; an input that is not of it is f32 */
    int32_t is_f32[2];
    int64_t count, each; /* elements, those of a row */
    bool short_batches;  /* there may be rows that hold no sample */
    unsigned grid;
} pair;

tn_status tn_cuda_pair_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_dtype dtype[2], of_plan = tn_cuda_type_of(b->precision);
    for (int i = 0; i < 2; i++) {
        dtype[i] = tn_cuda_dtype(b->x[i]) == TN_F32 ? TN_F32 : of_plan;
        TN_TRY(tn_cuda_layout_of(d, &n->x[i], dtype[i], TN_CUDA_ROWS, 0, &b->x[i]));
    }
    pair *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->dtype = of_plan;
    s->count = tn_elements(&n->x[0]);
    s->each = n->x[0].ndim > 0 ? s->count / n->x[0].dim[0] : 0;
    s->short_batches = n->x[0].ndim > 0 && tn_counts_rows(n, b->batch);
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(of_plan);
    const int64_t vectors = (s->count + lanes - 1) / lanes;
    s->grid = tn_cuda_grid(d, (vectors + VECTORS_A_THREAD - 1) / VECTORS_A_THREAD);
    for (int i = 0; i < 2; i++)
        s->is_f32[i] = dtype[i] == TN_F32;
    b->scratch_bytes = s->grid * sizeof(float);
    b->backward_reads_x[0] = b->backward_reads_x[1] = true;
    b->state = s;
    return TN_OK;
}

void tn_cuda_pair_release(void *state)
{
    tn_free(state);
}

static struct tnk_pair_rows rows_of(const tn_call *c, const pair *s)
{
    return (struct tnk_pair_rows){
        .control = s->short_batches ? c->run->control : NULL,
        .count = s->count,
        .each = s->each,
        .shares = c->run->shares > 0 ? c->run->shares : 1,
    };
}

tn_status tn_cuda_pair_forward(const tn_call *c, enum tnk_pair_kind kind, float number)
{
    const pair *s = c->state;
    struct tnk_pair_args a = {
        .loss = {kind, number},
        .x = {c->x[0], c->x[1]},
        .is_f32 = {s->is_f32[0], s->is_f32[1]},
        .rows = rows_of(c, s),
        .part = c->scratch,
    };
    struct tnk_pair_sum_args sum = {
        .part = c->scratch,
        .parts = s->grid,
        .rows = rows_of(c, s),
        .mean = c->y[0],
    };
    if (!sum.mean)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_pair, s->grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_pair_sum, 1, TN_CUDA_BLOCK, 0, c->device->compute, &sum));
    return TN_OK;
}

tn_status tn_cuda_pair_backward(const tn_call *c, enum tnk_pair_kind kind, float number)
{
    const pair *s = c->state;
    struct tnk_pair_back_args a = {
        .loss = {kind, number},
        .x = {c->x[0], c->x[1]},
        .dx = {c->dx[0], c->dx[1]},
        .is_f32 = {s->is_f32[0], s->is_f32[1]},
        .rows = rows_of(c, s),
        .dy = c->dy[0],
    };
    TN_CUDA(
        c->device, c->node,
        TN_LAUNCH_TYPE(s->dtype, tnk_pair_back, s->grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}
