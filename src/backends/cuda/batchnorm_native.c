/*
 * batchnorm by kernels of our own: images in nhwc, everything else in rows, so that both are M x C numbers; with the addition
 * and the relu that stand behind it. Forward reads x twice and writes y, backward reads x and dy twice: where relu has let nothing
 * through is found from x again, or, where something was added, kept in a bit an element.
 * Saved: mean and var, and those bits. All statistics are f32, in every precision.
 */
#include "backends/cuda/batchnorm/norm.h"

typedef struct batchnorm {
    tn_cuda_norm norm;
    bool adds, relu, has_bits;
    size_t bits; /* where in saved */
} batchnorm;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_cuda_norm norm = {0};
    TN_TRY(tn_cuda_norm_prepare(d, n, n, 0, 0, b, &norm));
    for (int i = 1; i < n->num_in; i++)
        TN_TRY(tn_cuda_want_columns(d, n, b, i));
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    s->norm = norm;
    s->adds = tn_has_post(n, TN_POST_ADD);
    s->relu = tn_has_post(n, TN_POST_RELU);
    s->has_bits = b->training && s->adds && s->relu;
    const size_t bits = s->has_bits ? (size_t)(tn_elements(&n->x[0]) / norm.grid.lanes) : 0;
    s->bits = tn_cuda_part(&b->saved_bytes, bits);
    b->y[0] = b->x[0];
    b->backward_reads_x[0] = true;
    b->inplace = b->inplace_backward = true;
    if (b->training && !norm.frozen) { /* x for the statistics, x and dy for the sums */
        const size_t bytes = (size_t)tn_elements(&n->x[0]) * tn_dtype_bytes(norm.dtype);
        b->forward_more.read = tn_cuda_norm_reads(n, &norm);
        b->backward_more.read = b->dx[0] ? 2 * bytes + bits : 0;
    }
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static tn_status forward(const tn_call *c)
{
    const batchnorm *s = c->state;
    struct tnk_batchnorm_args a = {
        .grid = tn_cuda_norm_grid(c, &s->norm),
        .x = c->x[0],
        .z = s->adds ? c->x[1] : NULL,
        .y = c->y[0],
        .bits = s->has_bits && c->run->training ? tn_cuda_at(c->saved, s->bits) : NULL,
        .mean = tn_cuda_norm_mean(c, &s->norm),
        .var = tn_cuda_norm_var(c, &s->norm),
        .weight = c->w[TN_NORM_WEIGHT],
        .bias = c->w[TN_NORM_BIAS],
        .epsilon = s->norm.epsilon,
        .relu = s->relu,
    };
    if (tn_cuda_norm_measures(c, &s->norm))
        TN_TRY(tn_cuda_norm_measure(c, &s->norm));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->norm.dtype, tnk_batchnorm, tn_cuda_columns_blocks(&a.grid),
                           TNK_COLUMNS_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const batchnorm *s = c->state;
    struct tnk_batchnorm_back_args a = {
        .grid = tn_cuda_norm_grid(c, &s->norm),
        .gate = {.bits = s->has_bits ? tn_cuda_at(c->saved, s->bits) : NULL,
                 .bias = c->w[TN_NORM_BIAS],
                 .relu = s->relu},
        .x = c->x[0],
        .dy = c->dy[0],
        .dx = c->dx[0],
        .dz = s->adds ? c->dx[1] : NULL,
        .mean = tn_cuda_norm_mean(c, &s->norm),
        .var = tn_cuda_norm_var(c, &s->norm),
        .weight = c->w[TN_NORM_WEIGHT],
        .coefficient = s->norm.frozen ? NULL : tn_cuda_at(c->scratch, s->norm.coefficient),
        .epsilon = s->norm.epsilon,
    };
    if (!s->norm.frozen) {
        TN_TRY(tn_cuda_norm_sums(c, &s->norm, &a.grid, a.x, a.gate));
        TN_TRY(tn_cuda_norm_add_up(c, &s->norm, a.grid.chunks));
    }
    if (!a.dx && !a.dz)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->norm.dtype, tnk_batchnorm_back, tn_cuda_columns_blocks(&a.grid),
                           TNK_COLUMNS_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_batchnorm_native = {
    .op = "batchnorm",
    .name = "native",
    .rank = 3,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .trains_posts = true,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
