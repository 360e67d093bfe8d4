#include "backends/cuda/softmax/softmax.h"

#include "backends/cuda/kernels/softmax.h"

enum { WARP = 32 };

/* Of x as it lies in memory. */
typedef struct softmax {
    tn_lines lines;
    unsigned grid;
} softmax;

void tn_cuda_softmax_release(void *state)
{
    tn_free(state);
}

/* Threads that have something to do. */
static int64_t threads_of(const tn_lines *l)
{
    if (l->inner > 1)
        return l->outer * l->inner;
    return l->outer * (l->size > TNK_SOFTMAX_WARP ? TN_CUDA_BLOCK : WARP);
}

tn_status tn_cuda_softmax_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b, bool log)
{
    const tn_shape *x = &n->x[0];
    const int axis = ((const tn_softmax_opts *)n->opts)->axis;
    const bool channels =
        x->ndim == 4 && axis == 1 && b->x[0] && tn_cuda_layout_from(b->x[0])->form == TN_CUDA_NHWC;
    TN_TRY(channels ? tn_cuda_want_nhwc(d, n, b, 0) : tn_cuda_want_rows(d, n, b, 0));
    softmax *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->lines = tn_lines_along(x, axis);
    if (channels)
        s->lines = (tn_lines){s->lines.outer * s->lines.inner, s->lines.size, 1};
    s->grid = tn_cuda_grid(d, threads_of(&s->lines));
    b->y[0] = b->x[0];
    b->backward_reads_y = !log;
    b->backward_reads_x[0] = log;
    if (log && b->dx[0])
        b->saved_bytes = 2 * (size_t)(s->lines.outer * s->lines.inner) * sizeof(float);
    b->inplace = !log || !b->dx[0];
    b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

tn_status tn_cuda_softmax_forward(const tn_call *c, bool log)
{
    const softmax *s = c->state;
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    struct tnk_softmax_args a = {.x = c->x[0],
                                 .y = c->y[0],
                                 .rows = s->lines.outer,
                                 .columns = s->lines.size,
                                 .inner = s->lines.inner,
                                 .log = log,
                                 .less = log && c->run->training ? c->saved : NULL};
    if (s->lines.inner == 1)
        TN_CUDA(
            c->device, c->node,
            TN_LAUNCH_TYPE(type, tnk_softmax, s->grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    else
        TN_CUDA(c->device, c->node,
                TN_LAUNCH_TYPE(type, tnk_softmax_across, s->grid, TN_CUDA_BLOCK, 0,
                               c->device->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_softmax_backward(const tn_call *c, bool log)
{
    const softmax *s = c->state;
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    struct tnk_softmax_back_args a = {.y = log ? c->x[0] : c->y[0],
                                      .dy = c->dy[0],
                                      .less = c->saved,
                                      .dx = c->dx[0],
                                      .rows = s->lines.outer,
                                      .columns = s->lines.size,
                                      .inner = s->lines.inner,
                                      .log = log};
    if (!a.dx)
        return TN_OK;
    if (s->lines.inner == 1)
        TN_CUDA(c->device, c->node,
                TN_LAUNCH_TYPE(type, tnk_softmax_back, s->grid, TN_CUDA_BLOCK, 0,
                               c->device->compute, &a));
    else
        TN_CUDA(c->device, c->node,
                TN_LAUNCH_TYPE(type, tnk_softmax_across_back, s->grid, TN_CUDA_BLOCK, 0,
                               c->device->compute, &a));
    return TN_OK;
}
