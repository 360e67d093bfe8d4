#include "backends/cuda/move/reduce.h"

enum { WARP = 32, WIDE = 1024 /* elements that meet, from which on a block is to a sum */ };

static void put(struct tnk_axes *a, int64_t dim, int64_t step)
{
    a->dim[a->ndim] = tnk_divisor_of(dim);
    a->step[a->ndim++] = step;
}

tn_cuda_reduction tn_cuda_reduction_of(const tn_route *given, int kind)
{
    tn_route w = *given;
    tn_cuda_reduction r = {.args = {.outputs = 1, .rows = {.met = 1}, .kind = kind}};
    struct tnk_reduce_args *a = &r.args;
    int inner = 0;
    tn_route_merge(&w);
    for (int i = 0; i < w.ndim; i++) {
        const bool met = w.to[i] == 0;
        put(met ? &a->met : &a->kept, w.dim[i], w.from[i]);
        *(met ? &a->rows.met : &a->outputs) *= w.dim[i];
        if (w.from[i] <= w.from[inner])
            inner = i;
    }
    r.columns = w.to[inner] != 0;
    a->wide = a->rows.met >= WIDE;
    return r;
}

tn_status tn_cuda_reduce_along(const tn_call *c, const tn_cuda_reduction *r, tn_dtype dtype)
{
    tn_backend_device *d = c->device;
    struct tnk_reduce_args a = r->args;
    const int block = TNK_REDUCE_WIDTH * TNK_REDUCE_LINES;
    if (r->columns) {
        const int64_t tiles = (a.outputs + TNK_REDUCE_WIDTH - 1) / TNK_REDUCE_WIDTH;
        const unsigned grid = tn_cuda_grid(d, tiles * block);
        TN_CUDA(d, c->node,
                TN_LAUNCH_TYPE(dtype, tnk_reduce_columns, grid, block, 0, d->compute, &a));
    } else {
        const unsigned grid = tn_cuda_grid(d, a.outputs * (a.wide ? TN_CUDA_BLOCK : WARP));
        TN_CUDA(d, c->node,
                TN_LAUNCH_TYPE(dtype, tnk_reduce_rows, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    }
    return TN_OK;
}
