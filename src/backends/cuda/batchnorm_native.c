/*
 * batchnorm by kernels of our own: images in nhwc, everything else in rows, so that both are M x C numbers; with the addition
 * and the relu that stand behind it. Forward reads x twice and writes y, backward reads x and dy twice: where relu has let nothing
 * through is found from x again, or, where something was added, kept in a bit an element.
 * Saved: mean and var, and those bits. All statistics are f32, in every precision.
 *
 * Where devices share a batch and statistics are to be the whole's: with m, v the mean and variance of a share
 * and p its part of all rows that hold a sample, mean = sum of p m, var = sum of p (v + (m - mean)^2), each sum taken
 * over the devices; and backward sums up the two coefficients of dx, which are linear in dy. dweight and dbias stay those
 * of the share: the plan sums up gradients.
 */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/batchnorm.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };
enum { VECTOR_BYTES = 16, WARP = 32, MOST_ACROSS = 32, ROWS_A_THREAD = 16 };
/* Of which 3 or 4 are there at once, by their registers: whole waves of either. */
enum { BLOCKS_A_PROCESSOR = 12 };

typedef struct batchnorm {
    struct tnk_columns grid;
    tn_dtype dtype;
    bool frozen;        /* training is done with the running statistics too */
    bool short_batches; /* there may be rows that hold no sample */
    bool adds, relu, has_bits;
    size_t mean, var, bits; /* where in saved */
    size_t bits_bytes;
    size_t part, coefficient; /* where in scratch */
    int shares; /* of the batch that statistics are summed up over; 0: they are of these rows */
} batchnorm;

/* One element has no variance. */
static tn_status check_count(const tn_node *n, int64_t count)
{
    if (count > 1)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE,
                   "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
                   n->name, tn_shape_format(&n->x[0]).text);
}

/* Threads side by side for the columns, then as many blocks for the rows as keep the device busy. */
static struct tnk_columns divide(const tn_backend_device *d, const tn_node *n, tn_dtype dtype)
{
    const int64_t C = n->x[0].dim[1], M = tn_elements(&n->x[0]) / C;
    const int64_t vector = VECTOR_BYTES / (int64_t)tn_dtype_bytes(dtype);
    const int64_t lanes = C % vector ? 1 : vector, groups = C / lanes;
    int64_t across = 1;
    while (across < groups && across < MOST_ACROSS)
        across *= 2;
    const int64_t tiles = (groups + across - 1) / across;
    const int64_t rows = TNK_COLUMNS_BLOCK / across * ROWS_A_THREAD;
    const int64_t useful = (M + rows - 1) / rows;
    const int64_t room = (int64_t)d->gpu.processors * BLOCKS_A_PROCESSOR / tiles;
    const int64_t chunks = useful < room ? useful : room;
    return (struct tnk_columns){
        .rows = M,
        .columns = C,
        .lanes = (int32_t)lanes,
        .across = (int32_t)across,
        .tiles = (int32_t)tiles,
        .chunks = chunks > 1 ? (int32_t)chunks : 1,
    };
}

/* x in rows or nhwc, and what is added likewise. */
static tn_status want_columns(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    for (int i = 0; i < n->num_in; i++)
        TN_TRY(n->x[0].ndim == 4 ? tn_cuda_want_nhwc(d, n, b, i) : tn_cuda_want_rows(d, n, b, i));
    return TN_OK;
}

static void place_memory(batchnorm *s, const tn_node *n, tn_binding *b)
{
    const size_t C = (size_t)n->x[0].dim[1];
    s->mean = tn_cuda_part(&b->saved_bytes, C * sizeof(float));
    s->var = tn_cuda_part(&b->saved_bytes, C * sizeof(float));
    s->has_bits = b->training && s->adds && s->relu;
    s->bits_bytes = s->has_bits ? (size_t)(tn_elements(&n->x[0]) / s->grid.lanes) : 0;
    s->bits = tn_cuda_part(&b->saved_bytes, s->bits_bytes);
    s->part = tn_cuda_part(&b->scratch_bytes, 2 * C * (size_t)s->grid.chunks * sizeof(float));
    s->coefficient = tn_cuda_part(&b->scratch_bytes, 2 * C * sizeof(float));
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const bool frozen = tn_is_frozen(n);
    if (b->training && !frozen)
        TN_TRY(
            check_count(n, tn_elements(&n->x[0]) / n->x[0].dim[1] * (b->shares ? b->shares : 1)));
    TN_TRY(want_columns(d, n, b));
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    s->frozen = frozen;
    s->adds = tn_has_post(n, TN_POST_ADD);
    s->relu = tn_has_post(n, TN_POST_RELU);
    s->shares = frozen ? 0 : b->shares;
    s->dtype = tn_cuda_type_of(b->precision);
    s->grid = divide(d, n, s->dtype);
    s->grid.area = s->grid.rows / n->x[0].dim[0];
    s->grid.shares = s->shares;
    s->short_batches = tn_counts_rows(n, b->batch);
    place_memory(s, n, b);
    b->y[0] = b->x[0];
    b->backward_reads_x[0] = true;
    b->inplace = b->inplace_backward = true;
    if (b->training && !frozen) { /* x for the statistics, x and dy for the sums */
        const size_t bytes = (size_t)tn_elements(&n->x[0]) * tn_dtype_bytes(s->dtype);
        b->forward_more.read = bytes;
        b->backward_more.read = b->dx[0] ? 2 * bytes + s->bits_bytes : 0;
    }
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

/* Launches over all of x, and over columns. */
static unsigned grid_of(const batchnorm *s)
{
    return (unsigned)(s->grid.tiles * s->grid.chunks);
}
static unsigned column_grid_of(const tn_call *c, const batchnorm *s)
{
    return tn_cuda_grid(c->device, s->grid.columns * WARP);
}

/* Of the launches that add up: `each` numbers for each column of each thread, and one more a thread. */
static size_t shared_bytes(const batchnorm *s)
{
    return (size_t)(2 * s->grid.lanes + 1) * TNK_COLUMNS_BLOCK * sizeof(float);
}

/* In training. */
static struct tnk_columns columns_of(const tn_call *c, const batchnorm *s)
{
    struct tnk_columns g = s->grid;
    g.control = s->short_batches ? c->run->control : NULL;
    return g;
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* From a share's mean, times its part, and var those of all. */
static tn_status share_statistics(const tn_call *c, const batchnorm *s)
{
    const unsigned grid = tn_cuda_grid(c->device, s->grid.columns);
    float *mean = tn_cuda_at(c->saved, s->mean), *var = tn_cuda_at(c->saved, s->var);
    struct tnk_batchnorm_centre_args centre = {
        .grid = columns_of(c, s),
        .own = tn_cuda_at(c->scratch, s->coefficient),
        .mean = mean,
        .var = var,
    };
    struct tnk_batchnorm_settle_args settle = {
        .grid = columns_of(c, s),
        .mean = mean,
        .var = var,
        .running_mean = c->w[RUNNING_MEAN],
        .running_var = c->w[RUNNING_VAR],
        .momentum = ((const tn_batchnorm_opts *)c->node->opts)->momentum,
    };
    TN_TRY(sum_up(c, mean, s->grid.columns));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_centre, grid, TN_CUDA_BLOCK, 0, c->device->compute, &centre));
    TN_TRY(sum_up(c, var, s->grid.columns));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_settle, grid, TN_CUDA_BLOCK, 0, c->device->compute, &settle));
    return TN_OK;
}

static tn_status find_statistics(const tn_call *c, const batchnorm *s)
{
    const tn_node *n = c->node;
    struct tnk_batchnorm_stats_args stats = {
        .grid = columns_of(c, s),
        .x = c->x[0],
        .part = tn_cuda_at(c->scratch, s->part),
    };
    struct tnk_batchnorm_merge_args merge = {
        .grid = columns_of(c, s),
        .part = stats.part,
        .own = s->shares ? tn_cuda_at(c->scratch, s->coefficient) : NULL,
        .mean = tn_cuda_at(c->saved, s->mean),
        .var = tn_cuda_at(c->saved, s->var),
        .running_mean = c->w[RUNNING_MEAN],
        .running_var = c->w[RUNNING_VAR],
        .momentum = ((const tn_batchnorm_opts *)n->opts)->momentum,
    };
    TN_CUDA(c->device, n,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm_stats, grid_of(s), TNK_COLUMNS_BLOCK,
                           shared_bytes(s), c->device->compute, &stats));
    TN_CUDA(c->device, n,
            TN_LAUNCH(tnk_batchnorm_merge, column_grid_of(c, s), TN_CUDA_BLOCK, 0,
                      c->device->compute, &merge));
    return s->shares ? share_statistics(c, s) : TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const batchnorm *s = c->state;
    const bool training = c->run->training && !s->frozen;
    struct tnk_batchnorm_args a = {
        .grid = s->grid,
        .x = c->x[0],
        .z = s->adds ? c->x[1] : NULL,
        .y = c->y[0],
        .bits = s->has_bits && c->run->training ? tn_cuda_at(c->saved, s->bits) : NULL,
        .mean = training ? tn_cuda_at(c->saved, s->mean) : c->w[RUNNING_MEAN],
        .var = training ? tn_cuda_at(c->saved, s->var) : c->w[RUNNING_VAR],
        .weight = c->w[WEIGHT],
        .bias = c->w[BIAS],
        .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
        .relu = s->relu,
    };
    if (training) {
        a.grid = columns_of(c, s);
        TN_TRY(find_statistics(c, s));
    }
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm, grid_of(s), TNK_COLUMNS_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

static struct tnk_batchnorm_gate gate_of(const tn_call *c, const batchnorm *s)
{
    return (struct tnk_batchnorm_gate){
        .bits = s->has_bits ? tn_cuda_at(c->saved, s->bits) : NULL,
        .bias = c->w[BIAS],
        .relu = s->relu,
    };
}

static tn_status add_up(const tn_call *c, const batchnorm *s)
{
    struct tnk_batchnorm_sums_args sums = {
        .grid = columns_of(c, s),
        .gate = gate_of(c, s),
        .x = c->x[0],
        .dy = c->dy[0],
        .mean = tn_cuda_at(c->saved, s->mean),
        .var = tn_cuda_at(c->saved, s->var),
        .weight = c->w[WEIGHT],
        .part = tn_cuda_at(c->scratch, s->part),
        .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
    };
    struct tnk_batchnorm_add_args add = {
        .grid = columns_of(c, s),
        .part = sums.part,
        .var = tn_cuda_at(c->saved, s->var),
        .dweight = c->dw[WEIGHT],
        .dbias = c->dw[BIAS],
        .coefficient = tn_cuda_at(c->scratch, s->coefficient),
        .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm_sums, grid_of(s), TNK_COLUMNS_BLOCK,
                           shared_bytes(s), c->device->compute, &sums));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_add, column_grid_of(c, s), TN_CUDA_BLOCK, 0, c->device->compute,
                      &add));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const batchnorm *s = c->state;
    struct tnk_batchnorm_back_args a = {
        .grid = s->frozen ? s->grid : columns_of(c, s),
        .gate = gate_of(c, s),
        .x = c->x[0],
        .dy = c->dy[0],
        .dx = c->dx[0],
        .dz = s->adds ? c->dx[1] : NULL,
        .mean = s->frozen ? c->w[RUNNING_MEAN] : tn_cuda_at(c->saved, s->mean),
        .var = s->frozen ? c->w[RUNNING_VAR] : tn_cuda_at(c->saved, s->var),
        .weight = c->w[WEIGHT],
        .coefficient = s->frozen ? NULL : tn_cuda_at(c->scratch, s->coefficient),
        .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
    };
    if (!s->frozen)
        TN_TRY(add_up(c, s));
    if (!a.dx && !a.dz)
        return TN_OK;
    if (s->shares && a.dx)
        TN_TRY(sum_up(c, tn_cuda_at(c->scratch, s->coefficient), 2 * s->grid.columns));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm_back, grid_of(s), TNK_COLUMNS_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_batchnorm_native = {
    .op = "batchnorm",
    .name = "native",
    .rank = 2,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .trains_posts = true,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
