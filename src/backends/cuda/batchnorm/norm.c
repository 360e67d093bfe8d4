#include "backends/cuda/batchnorm/norm.h"

enum { VECTOR_BYTES = 16, WARP = 32, MOST_ACROSS = 32, ROWS_A_THREAD = 16 };
/* Of which 3 or 4 are there at once, by their registers: whole waves of either. */
enum { BLOCKS_A_PROCESSOR = 12 };

struct tnk_columns tn_cuda_columns(const tn_backend_device *d, int64_t M, int64_t C, tn_dtype dtype)
{
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

/* One element has no variance. */
static tn_status check_count(const tn_node *n, int64_t count)
{
    if (count > 1)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE,
                   "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
                   n->name, tn_shape_format(&n->x[0]).text);
}

tn_status tn_cuda_want_columns(tn_backend_device *d, const tn_node *n, tn_binding *b, int i)
{
    return n->x[0].ndim == 4 ? tn_cuda_want_nhwc(d, n, b, i) : tn_cuda_want_rows(d, n, b, i);
}

tn_status tn_cuda_norm_prepare(tn_backend_device *d, const tn_node *n, const tn_node *of, int x,
                               int w, tn_binding *b, tn_cuda_norm *s)
{
    const tn_batchnorm_opts *o = of->opts;
    const int64_t C = n->x[0].dim[1], M = tn_elements(&n->x[0]) / C;
    const size_t bytes = (size_t)C * sizeof(float);
    s->frozen = tn_is_frozen(of);
    if (b->training && !s->frozen)
        TN_TRY(check_count(of, M * (b->shares ? b->shares : 1)));
    const tn_layout *comes = b->x[x];
    TN_TRY(tn_cuda_want_columns(d, n, b, x));
    s->summed = b->has_sums[x] && b->x[x] == comes;
    s->x = x;
    s->w = w;
    s->momentum = o->momentum;
    s->epsilon = o->epsilon;
    s->shares = s->frozen ? 0 : b->shares;
    s->dtype = tn_cuda_type_of(b->precision);
    s->grid = tn_cuda_columns(d, M, C, s->dtype);
    s->grid.area = M / n->x[0].dim[0];
    s->grid.shares = s->shares;
    s->short_batches = tn_counts_rows(n, b->batch);
    s->mean = tn_cuda_part(&b->saved_bytes, bytes);
    s->var = tn_cuda_part(&b->saved_bytes, bytes);
    s->part = tn_cuda_part(&b->scratch_bytes, 2 * bytes * (size_t)s->grid.chunks);
    s->coefficient = tn_cuda_part(&b->scratch_bytes, 2 * bytes);
    return TN_OK;
}

struct tnk_columns tn_cuda_norm_grid(const tn_call *c, const tn_cuda_norm *s)
{
    struct tnk_columns g = s->grid;
    g.control = tn_cuda_norm_measures(c, s) && s->short_batches ? c->run->control : NULL;
    return g;
}

const float *tn_cuda_norm_mean(const tn_call *c, const tn_cuda_norm *s)
{
    return tn_cuda_norm_measures(c, s) ? tn_cuda_at(c->saved, s->mean) : c->w[s->w + TN_NORM_MEAN];
}
const float *tn_cuda_norm_var(const tn_call *c, const tn_cuda_norm *s)
{
    return tn_cuda_norm_measures(c, s) ? tn_cuda_at(c->saved, s->var) : c->w[s->w + TN_NORM_VAR];
}

/* A warp a column. */
static unsigned column_blocks(const tn_call *c, const tn_cuda_norm *s)
{
    return tn_cuda_grid(c->device, s->grid.columns * WARP);
}

/* Of the launches that add up: `each` numbers for each column of each thread, and one more a thread. */
static size_t shared_bytes(const tn_cuda_norm *s)
{
    return (size_t)(2 * s->grid.lanes + 1) * TNK_COLUMNS_BLOCK * sizeof(float);
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* From a share's mean, times its part, and var those of all. */
static tn_status share_statistics(const tn_call *c, const tn_cuda_norm *s)
{
    const unsigned grid = tn_cuda_grid(c->device, s->grid.columns);
    float *mean = tn_cuda_at(c->saved, s->mean), *var = tn_cuda_at(c->saved, s->var);
    struct tnk_batchnorm_centre_args centre = {
        .grid = tn_cuda_norm_grid(c, s),
        .own = tn_cuda_at(c->scratch, s->coefficient),
        .mean = mean,
        .var = var,
    };
    struct tnk_batchnorm_settle_args settle = {
        .grid = centre.grid,
        .mean = mean,
        .var = var,
        .running_mean = c->w[s->w + TN_NORM_MEAN],
        .running_var = c->w[s->w + TN_NORM_VAR],
        .momentum = s->momentum,
    };
    TN_TRY(sum_up(c, mean, s->grid.columns));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_centre, grid, TN_CUDA_BLOCK, 0, c->device->compute, &centre));
    TN_TRY(sum_up(c, var, s->grid.columns));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_settle, grid, TN_CUDA_BLOCK, 0, c->device->compute, &settle));
    return TN_OK;
}

tn_status tn_cuda_norm_measure(const tn_call *c, const tn_cuda_norm *s)
{
    struct tnk_batchnorm_stats_args stats = {
        .grid = tn_cuda_norm_grid(c, s),
        .x = c->x[s->x],
        .sums = s->summed ? c->x_sums[s->x] : NULL,
        .part = tn_cuda_at(c->scratch, s->part),
    };
    struct tnk_batchnorm_merge_args merge = {
        .grid = stats.grid,
        .sums = stats.sums,
        .part = stats.part,
        .own = s->shares ? tn_cuda_at(c->scratch, s->coefficient) : NULL,
        .mean = tn_cuda_at(c->saved, s->mean),
        .var = tn_cuda_at(c->saved, s->var),
        .running_mean = c->w[s->w + TN_NORM_MEAN],
        .running_var = c->w[s->w + TN_NORM_VAR],
        .momentum = s->momentum,
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm_stats, tn_cuda_columns_blocks(&s->grid),
                           TNK_COLUMNS_BLOCK, shared_bytes(s), c->device->compute, &stats));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_merge, column_blocks(c, s), TN_CUDA_BLOCK, 0,
                      c->device->compute, &merge));
    return s->shares ? share_statistics(c, s) : TN_OK;
}

tn_status tn_cuda_norm_sums(const tn_call *c, const tn_cuda_norm *s, const struct tnk_columns *grid,
                            const void *x, struct tnk_batchnorm_gate gate)
{
    struct tnk_batchnorm_sums_args a = {
        .grid = *grid,
        .gate = gate,
        .x = x,
        .dy = c->dy[0],
        .mean = tn_cuda_norm_mean(c, s),
        .var = tn_cuda_norm_var(c, s),
        .weight = c->w[s->w + TN_NORM_WEIGHT],
        .part = tn_cuda_at(c->scratch, s->part),
        .epsilon = s->epsilon,
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_batchnorm_sums, tn_cuda_columns_blocks(grid),
                           TNK_COLUMNS_BLOCK, shared_bytes(s), c->device->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_norm_add_up(const tn_call *c, const tn_cuda_norm *s, int chunks)
{
    struct tnk_batchnorm_add_args a = {
        .grid = tn_cuda_norm_grid(c, s),
        .part = tn_cuda_at(c->scratch, s->part),
        .var = tn_cuda_norm_var(c, s),
        .dweight = c->dw[s->w + TN_NORM_WEIGHT],
        .dbias = c->dw[s->w + TN_NORM_BIAS],
        .coefficient = tn_cuda_at(c->scratch, s->coefficient),
        .epsilon = s->epsilon,
    };
    a.grid.chunks = chunks;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_batchnorm_add, column_blocks(c, s), TN_CUDA_BLOCK, 0, c->device->compute,
                      &a));
    return s->shares && c->dx[s->x] ? sum_up(c, a.coefficient, 2 * s->grid.columns) : TN_OK;
}
