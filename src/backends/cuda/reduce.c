/*
 * reduce by kernels of our own, in rows. A single number is f32 in any precision: it may be the loss, whose gradient is one.
 * For backward of a maximum it is counted once more how many are it.
 */
#include "backends/cuda/move/reduce.h"

#include "backends/cuda/move/move.h"

static const int kinds[] = {
    [TN_REDUCE_MEAN] = TNK_REDUCE_MEAN,
    [TN_REDUCE_SUM] = TNK_REDUCE_SUM,
    [TN_REDUCE_MAX] = TNK_REDUCE_MAX,
    [TN_REDUCE_MIN] = TNK_REDUCE_MIN,
};

typedef struct reduce {
    bool short_batches; /* there may be rows that hold no sample */
    bool is_f32;        /* y */
} reduce;

static bool picks(const tn_node *n)
{
    const tn_reduce_kind kind = ((const tn_reduce_opts *)n->opts)->kind;
    return kind == TN_REDUCE_MAX || kind == TN_REDUCE_MIN;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_shape *axes = &((const tn_reduce_opts *)n->opts)->axes;
    const bool one = tn_elements(&n->y[0]) == 1;
    TN_TRY(tn_cuda_check_count(d, n, tn_elements(&n->x[0])));
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    if (!one)
        TN_TRY(tn_cuda_give_rows(d, n, b));
    reduce *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("reduce", sizeof *s);
    s->is_f32 = one && tn_cuda_type_of(b->precision) != TN_F32;
    s->short_batches = axes->ndim > 0 && axes->dim[0] == 0 && tn_counts_rows(n, b->batch);
    b->backward_reads_x[0] = b->backward_reads_y = picks(n);
    if (b->training && picks(n))
        b->scratch_bytes = (size_t)tn_elements(&n->y[0]) * sizeof(float);
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static tn_cuda_reduction reduction_of(const tn_call *c, int kind)
{
    const reduce *s = c->state;
    tn_route w = c->node->op->route(c->node);
    tn_cuda_reduction r = tn_cuda_reduction_of(&w, kind);
    r.args.is_f32 = s->is_f32;
    r.args.rows.shares = c->run->shares > 0 ? c->run->shares : 1;
    if (s->short_batches) {
        r.args.rows.control = c->run->control;
        r.args.rows.each = r.args.rows.met / c->node->x[0].dim[0];
    }
    return r;
}

static tn_status forward(const tn_call *c)
{
    const tn_reduce_opts *o = c->node->opts;
    tn_cuda_reduction r = reduction_of(c, kinds[o->kind]);
    r.args.x = c->x[0];
    r.args.y = c->y[0];
    return tn_cuda_reduce_along(c, &r, tn_cuda_type_of(c->run->precision));
}

static tn_status backward(const tn_call *c)
{
    tn_backend_device *d = c->device;
    const tn_dtype dtype = tn_cuda_type_of(c->run->precision);
    const tn_reduce_opts *o = c->node->opts;
    const tn_shape *x = &c->node->x[0];
    tn_cuda_reduction r = reduction_of(c, TNK_REDUCE_EQUAL);
    tn_route w = c->node->op->route(c->node);
    if (!c->dx[0])
        return TN_OK;
    if (picks(c->node)) {
        r.args.x = c->x[0];
        r.args.of = c->y[0];
        r.args.y = c->scratch;
        TN_TRY(tn_cuda_reduce_along(c, &r, dtype));
    }
    struct tnk_reduce_back_args a = {.dy = c->dy[0],
                                     .x = c->x[0],
                                     .y = c->y[0],
                                     .equal = picks(c->node) ? c->scratch : NULL,
                                     .dx = c->dx[0],
                                     .count = tn_elements(x),
                                     .rows = r.args.rows,
                                     .kind = kinds[o->kind],
                                     .is_f32 = r.args.is_f32};
    a.row = x->ndim > 0 ? a.count / x->dim[0] : a.count;
    tn_route_merge(&w);
    a.to.ndim = w.ndim;
    for (int i = 0; i < w.ndim; i++) {
        a.to.dim[i] = tnk_divisor_of(w.dim[i]);
        a.to.step[i] = w.to[i];
    }
    const unsigned grid = tn_cuda_grid(d, a.count);
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(dtype, tnk_reduce_back, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_reduce = {
    .op = "reduce",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
