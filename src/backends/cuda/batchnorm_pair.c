/*
 * Two batchnorms that meet in an addition, and the relu behind it, as where a residual block changes its shape. Forward reads each x
 * twice and writes y, backward reads each x and dy twice and writes each dx.
 * Saved: mean and var of each, and a bit an element for what relu has let through.
 */
#include "backends/cuda/kernels/batchnorm_pair.h"

#include "backends/cuda/batchnorm/norm.h"

typedef struct pair {
    tn_cuda_norm of[2];
    bool relu, has_bits;
    size_t bits; /* where in saved */
} pair;

/* Others are for one alone, and for those whose statistics are constants. */
static tn_status supports(const tn_node *n)
{
    if (n->beside && !tn_is_frozen(n) && !tn_is_frozen(n->beside))
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s", "");
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    pair p = {.relu = tn_has_post(n, TN_POST_RELU)};
    TN_TRY(tn_cuda_norm_prepare(d, n, n, 0, 0, b, &p.of[0]));
    TN_TRY(tn_cuda_norm_prepare(d, n, n->beside, 1, n->num_params / 2, b, &p.of[1]));
    p.has_bits = b->training && p.relu;
    const size_t bits = p.has_bits ? (size_t)(tn_elements(&n->x[0]) / p.of[0].grid.lanes) : 0;
    p.bits = tn_cuda_part(&b->saved_bytes, bits);
    b->y[0] = b->x[0];
    b->backward_reads_x[0] = b->backward_reads_x[1] = true;
    b->inplace = b->inplace_backward = true;
    if (b->training) { /* both x for the statistics, these and dy for the sums */
        const size_t bytes = (size_t)tn_elements(&n->x[0]) * tn_dtype_bytes(p.of[0].dtype);
        b->forward_more.read = tn_cuda_norm_reads(n, &p.of[0]) + tn_cuda_norm_reads(n, &p.of[1]);
        b->backward_more.read = b->dx[0] || b->dx[1] ? 3 * bytes + bits : 0;
    }
    pair *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    *s = p;
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static struct tnk_norm norm_of(const tn_call *c, const tn_cuda_norm *s)
{
    return (struct tnk_norm){
        .x = c->x[s->x],
        .mean = tn_cuda_norm_mean(c, s),
        .var = tn_cuda_norm_var(c, s),
        .weight = c->w[s->w + TN_NORM_WEIGHT],
        .bias = c->w[s->w + TN_NORM_BIAS],
        .epsilon = s->epsilon,
    };
}

static void *bits_of(const tn_call *c, const pair *s)
{
    return s->has_bits && c->run->training ? tn_cuda_at(c->saved, s->bits) : NULL;
}

static tn_status forward(const tn_call *c)
{
    const pair *s = c->state;
    struct tnk_batchnorm_pair_args a = {
        .grid = tn_cuda_norm_grid(c, &s->of[0]),
        .of = {norm_of(c, &s->of[0]), norm_of(c, &s->of[1])},
        .y = c->y[0],
        .bits = bits_of(c, s),
        .relu = s->relu,
    };
    for (int i = 0; i < 2 && c->run->training; i++)
        TN_TRY(tn_cuda_norm_measure(c, &s->of[i]));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->of[0].dtype, tnk_batchnorm_pair, tn_cuda_columns_blocks(&a.grid),
                           TNK_COLUMNS_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

/* Three sums a column and thread. */
static tn_status add_up(const tn_call *c, const pair *s)
{
    const tn_cuda_norm *one = &s->of[0], *other = &s->of[1];
    const size_t shared = 3 * (size_t)one->grid.lanes * TNK_COLUMNS_BLOCK * sizeof(float);
    struct tnk_batchnorm_pair_sums_args a = {
        .grid = tn_cuda_norm_grid(c, one),
        .of = {norm_of(c, one), norm_of(c, other)},
        .dy = c->dy[0],
        .bits = bits_of(c, s),
        .part = {tn_cuda_at(c->scratch, one->part), tn_cuda_at(c->scratch, other->part)},
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(one->dtype, tnk_batchnorm_pair_sums, tn_cuda_columns_blocks(&a.grid),
                           TNK_COLUMNS_BLOCK, shared, c->device->compute, &a));
    for (int i = 0; i < 2; i++)
        TN_TRY(tn_cuda_norm_add_up(c, &s->of[i], a.grid.chunks));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const pair *s = c->state;
    struct tnk_batchnorm_pair_back_args a = {
        .grid = tn_cuda_norm_grid(c, &s->of[0]),
        .of = {norm_of(c, &s->of[0]), norm_of(c, &s->of[1])},
        .dy = c->dy[0],
        .bits = bits_of(c, s),
        .coefficient = {tn_cuda_at(c->scratch, s->of[0].coefficient),
                        tn_cuda_at(c->scratch, s->of[1].coefficient)},
        .dx = {c->dx[0], c->dx[1]},
    };
    TN_TRY(add_up(c, s));
    if (!a.dx[0] && !a.dx[1])
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->of[0].dtype, tnk_batchnorm_pair_back, tn_cuda_columns_blocks(&a.grid),
                           TNK_COLUMNS_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_batchnorm_pair = {
    .op = "batchnorm",
    .name = "pair",
    .rank = 4,
    .posts = {{TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .beside = "batchnorm",
    .trains_posts = true,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
