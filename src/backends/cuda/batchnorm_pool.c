/*
 * batchnorm of images, its relu and the largest of windows behind it, as at the beginning of a ResNet: what is between them is
 * in no memory. Forward reads x twice and writes y, and for backward which tap it was and the x there: the sums are over these
 * and dy, which are as many as y, and only dx needs all of x again.
 * Saved: mean and var, taps and those x.
 */
#include "backends/cuda/kernels/batchnorm_pool.h"

#include "backends/cuda/batchnorm/norm.h"
#include "backends/cuda/pool/pool.h"

typedef struct pooled {
    tn_cuda_norm norm;
    const tn_node *pool;
    bool relu;
    struct tnk_columns grid; /* of y */
    size_t picks, largest;   /* where in saved */
    bool keeps_picks, keeps_largest;
} pooled;

/* Images that no windows are taken of are left to others, who need not be told. */
static tn_status check_next(const tn_backend_device *d, const tn_node *n, const tn_binding *b)
{
    const tn_node *next = b->next;
    if (!next || n->x[0].ndim != 4 || !tn_cuda_pools_largest(next) || next->post[0] ||
        tn_cuda_pick_bytes(next) > 1)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s", "");
    TN_TRY(tn_cuda_pool_check(next));
    if (tn_elements(&n->x[0]) / tn_cuda_pool_lanes(next, tn_cuda_type_of(b->precision)) > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s on %s: x %s is too large to be pooled",
                       n->name, d->name, tn_shape_format(&n->x[0]).text);
    return TN_OK;
}

static void place_memory(tn_backend_device *d, const tn_node *n, tn_binding *b, pooled *s)
{
    const size_t type = tn_dtype_bytes(s->norm.dtype), count = (size_t)tn_elements(&s->pool->y[0]);
    const size_t C = (size_t)n->x[0].dim[1];
    const bool sums = b->training && !s->norm.frozen;
    s->grid = tn_cuda_columns(d, (int64_t)(count / C), (int64_t)C, s->norm.dtype);
    s->grid.area = s->grid.rows / n->x[0].dim[0];
    s->grid.shares = s->norm.shares;
    s->keeps_picks = b->dx[0];
    s->keeps_largest = sums;
    s->picks = tn_cuda_part(&b->saved_bytes, s->keeps_picks ? count : 0);
    s->largest = tn_cuda_part(&b->saved_bytes, s->keeps_largest ? count * type : 0);
    if (s->grid.chunks > s->norm.grid.chunks)
        s->norm.part =
            tn_cuda_part(&b->scratch_bytes, 2 * C * (size_t)s->grid.chunks * sizeof(float));
    b->forward_more.read = sums ? tn_cuda_norm_reads(n, &s->norm) : 0;
    b->backward_more.read = sums && b->dx[0] ? count * type : 0;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_cuda_norm norm = {0};
    TN_TRY(check_next(d, n, b));
    TN_TRY(tn_cuda_norm_prepare(d, n, n, 0, 0, b, &norm));
    TN_TRY(tn_cuda_layout_of(d, &b->next->y[0], norm.dtype, TN_CUDA_NHWC, 0, &b->y[0]));
    pooled *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    s->norm = norm;
    s->pool = b->next;
    s->relu = tn_has_post(n, TN_POST_RELU);
    place_memory(d, n, b, s);
    b->does_next = true;
    b->backward_reads_x[0] = b->dx[0];
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static struct tnk_batchnorm_pool_args args_of(const tn_call *c, const pooled *s,
                                              const tn_shape *through, const void *from, void *to)
{
    return (struct tnk_batchnorm_pool_args){
        .grid = tn_cuda_norm_grid(c, &s->norm),
        .pool = tn_cuda_pool_args(s->pool, s->norm.dtype, through, from, to),
        .mean = tn_cuda_norm_mean(c, &s->norm),
        .var = tn_cuda_norm_var(c, &s->norm),
        .weight = c->w[TN_NORM_WEIGHT],
        .bias = c->w[TN_NORM_BIAS],
        .epsilon = s->norm.epsilon,
        .relu = s->relu,
    };
}

static tn_status forward(const tn_call *c)
{
    const pooled *s = c->state;
    const tn_shape *y = &s->pool->y[0];
    struct tnk_batchnorm_pool_args a = args_of(c, s, y, c->x[0], c->y[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.pool.count);
    a.pool.pick = c->run->training && s->keeps_picks ? tn_cuda_at(c->saved, s->picks) : NULL;
    a.largest = c->run->training && s->keeps_largest ? tn_cuda_at(c->saved, s->largest) : NULL;
    if (tn_cuda_norm_measures(c, &s->norm))
        TN_TRY(tn_cuda_norm_measure(c, &s->norm));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->norm.dtype, tnk_batchnorm_pool, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const pooled *s = c->state;
    struct tnk_batchnorm_pool_args a = args_of(c, s, &c->node->x[0], c->dy[0], c->dx[0]);
    const unsigned grid = tn_cuda_grid(c->device, a.pool.count);
    struct tnk_columns sums = s->grid;
    sums.control = a.grid.control;
    if (!s->norm.frozen) {
        TN_TRY(tn_cuda_norm_sums(c, &s->norm, &sums, tn_cuda_at(c->saved, s->largest),
                                 (struct tnk_batchnorm_gate){.bias = a.bias, .relu = s->relu}));
        TN_TRY(tn_cuda_norm_add_up(c, &s->norm, sums.chunks));
    }
    if (!c->dx[0])
        return TN_OK;
    a.pool.pick = tn_cuda_at(c->saved, s->picks);
    a.x = c->x[0];
    a.coefficient = s->norm.frozen ? NULL : tn_cuda_at(c->scratch, s->norm.coefficient);
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->norm.dtype, tnk_batchnorm_pool_back, grid, TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_batchnorm_pool = {
    .op = "batchnorm",
    .name = "pooled",
    .rank = 2,
    .posts = {{TN_POST_RELU}},
    .next = "pool2d",
    .trains_posts = true,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
