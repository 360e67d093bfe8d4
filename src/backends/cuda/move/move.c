#include "backends/cuda/move/move.h"

#include "backends/cuda/kernels/layout.h"
#include "backends/cuda/kernels/move.h"
#include "backends/cuda/move/reduce.h"

enum { VECTOR_BYTES = 16 };

tn_status tn_cuda_check_count(const tn_backend_device *d, const tn_node *n, int64_t count)
{
    if (count <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s %s on %s: %lld elements are more than %d", n->op->name,
                   n->name, d->name, (long long)count, INT32_MAX);
}

static tn_status fill(const tn_call *c, tn_dtype dtype, void *to, int64_t count, float value)
{
    tn_backend_device *d = c->device;
    struct tnk_fill_args a = {.to = to, .count = count, .value = value};
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(dtype);
    const unsigned grid = tn_cuda_grid(d, (count + lanes - 1) / lanes);
    TN_CUDA(d, c->node, TN_LAUNCH_TYPE(dtype, tnk_fill, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

/* Rows and columns exchanged, perhaps of many matrices, and both of a size for which tiles are worth it. */
static bool is_transposition(const tn_route *w)
{
    const int r = w->ndim - 1, c = r - 1;
    if (w->ndim < 2 || w->ndim > 3 || w->to_at || w->from_at)
        return false;
    const int64_t rows = w->dim[r], cols = w->dim[c];
    const bool batch = w->ndim == 2 || (w->to[0] == rows * cols && w->from[0] == rows * cols);
    return batch && w->to[r] == 1 && w->from[r] == cols && w->to[c] == rows && w->from[c] == 1 &&
           rows >= TNK_TILE_LINES && cols >= TNK_TILE_LINES;
}

static tn_status transpose(const tn_call *c, const tn_route *w, tn_dtype dtype, void *to,
                           const void *from)
{
    tn_backend_device *d = c->device;
    const int64_t rows = w->dim[w->ndim - 1], cols = w->dim[w->ndim - 2];
    struct tnk_transpose_args a = {.from = from,
                                   .to = to,
                                   .batch = w->ndim == 3 ? w->dim[0] : 1,
                                   .rows = rows,
                                   .cols = cols,
                                   .pitch = cols,
                                   .to_rows = rows,
                                   .from_type = (int32_t)dtype};
    const int64_t tiles =
        a.batch * ((rows + TNK_TILE - 1) / TNK_TILE) * ((cols + TNK_TILE - 1) / TNK_TILE);
    const unsigned grid = tn_cuda_grid(d, tiles * TN_CUDA_BLOCK);
    TN_CUDA(
        d, c->node,
        TN_LAUNCH_TYPE(dtype, tnk_transpose, grid, TNK_TILE * TNK_TILE_LINES, 0, d->compute, &a));
    return TN_OK;
}

/* The most bytes that can be moved as one: elements that lie together in both, and no place is inside of them. */
static int64_t unit_of(const tn_route *w, int64_t element)
{
    const int inner = w->ndim - 1;
    int64_t unit = VECTOR_BYTES;
    if (w->to[inner] != 1 || w->from[inner] != 1)
        return element;
    while (w->dim[inner] * element % unit || w->to_at * element % unit ||
           w->from_at * element % unit)
        unit /= 2;
    for (int i = 0; i < inner; i++)
        while (w->to[i] * element % unit || w->from[i] * element % unit)
            unit /= 2;
    return unit;
}

static tn_status move(const tn_call *c, const tn_route *w, tn_dtype dtype, void *to,
                      const void *from)
{
    tn_backend_device *d = c->device;
    const int64_t element = (int64_t)tn_dtype_bytes(dtype), unit = unit_of(w, element);
    const int64_t lanes = unit / element;
    const int inner = w->ndim - 1;
    struct tnk_move_args a = {.from = from,
                              .to = to,
                              .count = tn_route_count(w) / lanes,
                              .from_at = w->from_at / lanes,
                              .to_at = w->to_at / lanes,
                              .ndim = w->ndim,
                              .unit = (int32_t)unit};
    for (int i = 0; i < w->ndim; i++) {
        const bool whole = i == inner && lanes > 1; /* steps of 1, of units now */
        a.dim[i] = tnk_divisor_of(i == inner ? w->dim[i] / lanes : w->dim[i]);
        a.from_step[i] = whole ? 1 : w->from[i] / lanes;
        a.to_step[i] = whole ? 1 : w->to[i] / lanes;
    }
    const unsigned grid = tn_cuda_grid(d, a.count);
    TN_CUDA(d, c->node, TN_LAUNCH(tnk_move, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_move_along(const tn_call *c, const tn_route *given, tn_dtype dtype, void *to,
                             const void *from, int64_t count)
{
    tn_route w = *given;
    if (tn_route_count(&w) < count)
        TN_TRY(fill(c, dtype, to, count, w.rest));
    tn_route_merge(&w);
    return is_transposition(&w) ? transpose(c, &w, dtype, to, from) : move(c, &w, dtype, to, from);
}

tn_status tn_cuda_sum_along(const tn_call *c, const tn_route *w, tn_dtype dtype, void *to,
                            const void *from)
{
    tn_cuda_reduction r = tn_cuda_reduction_of(w, TNK_REDUCE_SUM);
    r.args.x = from;
    r.args.y = to;
    return tn_cuda_reduce_along(c, &r, dtype);
}

/* ---- a node --------------------------------------------------------------------------------- */

tn_status tn_cuda_move_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_check_count(d, n, tn_elements(&n->x[0])));
    TN_TRY(tn_cuda_check_count(d, n, tn_elements(&n->y[0])));
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    return tn_cuda_give_rows(d, n, b);
}

tn_status tn_cuda_move_forward(const tn_call *c)
{
    const tn_route w = c->node->op->route(c->node);
    return tn_cuda_move_along(c, &w, tn_cuda_type_of(c->run->precision), c->y[0], c->x[0],
                              tn_elements(&c->node->y[0]));
}

tn_status tn_cuda_move_backward(const tn_call *c)
{
    const tn_dtype dtype = tn_cuda_type_of(c->run->precision);
    const tn_route w = c->node->op->route(c->node), back = tn_route_back(&w);
    const int64_t count = tn_elements(&c->node->x[0]);
    if (!c->dx[0])
        return TN_OK;
    if (tn_route_count(&w) > count) /* several elements of y are one of x */
        return tn_cuda_sum_along(c, &back, dtype, c->dx[0], c->dy[0]);
    return tn_cuda_move_along(c, &back, dtype, c->dx[0], c->dy[0], count);
}
