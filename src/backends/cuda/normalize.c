/*
 * normalize by kernels of our own: images in nhwc where they come so, everything else in rows. Saved: mean and
 * 1 / sqrt(var + epsilon) of each group of an image, f32 in every precision.
 */
#include "backends/cuda/kernels/normalize.h"

#include "backends/cuda/device/cuda.h"

enum { VECTOR_BYTES = 16, WARP = 32, PIXELS_A_THREAD = 16, BLOCKS_A_PROCESSOR = 8 };

typedef struct norm {
    tn_dtype dtype;
    struct tnk_norm_rows rows;
    struct tnk_norm_sums_args sums; /* without pointers */
    size_t mean, inverse;           /* where in saved */
    int64_t columns;
} norm;

/* Can as many lanes as make 16 bytes be moved at once, and do they lie in one channel or have one each? */
static bool are_whole(const struct tnk_norm_rows *r, int64_t lanes)
{
    return r->run.by % lanes == 0 && r->image % lanes == 0 && r->group % lanes == 0 &&
           r->pitch % lanes == 0 && (r->area.by == 1 || r->area.by % lanes == 0);
}

static void find_rows(const tn_norm_sizes *s, bool nhwc, norm *k)
{
    const int64_t all = s->groups * s->channels,
                  lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(k->dtype);
    k->rows = (struct tnk_norm_rows){
        .images = s->images,
        .groups = s->groups,
        .channels = s->channels,
        .image = all * s->area,
        .group = nhwc ? s->channels : s->channels * s->area,
        .count = s->channels * s->area,
        .pitch = nhwc ? all : 0,
        .run = tnk_divisor_of(nhwc ? s->channels : s->channels * s->area),
        .area = tnk_divisor_of(nhwc ? 1 : s->area),
        .lanes = 1,
    };
    if (are_whole(&k->rows, lanes))
        k->rows.lanes = (int32_t)lanes;
}

/* Channels beside each other in memory to threads that are, then as many blocks as keep the device busy. */
static void find_sums(const tn_backend_device *d, const tn_norm_sizes *s, bool nhwc, norm *k)
{
    const int64_t all = s->groups * s->channels;
    const bool beside = nhwc || s->area == 1;
    const int64_t across = beside ? WARP : 1, tiles = (all + across - 1) / across;
    const int64_t each = TNK_NORM_BLOCK / across * PIXELS_A_THREAD;
    const int64_t useful = (s->images * s->area + each - 1) / each;
    const int64_t room = (int64_t)d->gpu.processors * BLOCKS_A_PROCESSOR / tiles;
    const int64_t chunks = useful < room ? useful : room;
    k->columns = all;
    k->sums = (struct tnk_norm_sums_args){
        .pixels = s->images * s->area,
        .columns = all,
        .image = all * s->area,
        .column = beside ? 1 : s->area,
        .pixel = nhwc ? all : 1,
        .area = tnk_divisor_of(s->area),
        .channels = tnk_divisor_of(s->channels),
        .groups = s->groups,
        .across = (int32_t)across,
        .tiles = (int32_t)tiles,
        .chunks = chunks > 1 ? (int32_t)chunks : 1,
    };
}

static tn_status supports(const tn_node *n)
{
    const tn_norm_sizes s = tn_norm_sizes_of(&n->x[0], n->opts);
    if (s.channels * s.area <= INT32_MAX && s.images * s.area <= INT32_MAX &&
        s.groups * s.channels <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "normalize %s: x %s is too large", n->name,
                   tn_shape_format(&n->x[0]).text);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_norm_sizes s = tn_norm_sizes_of(&n->x[0], n->opts);
    const bool nhwc = ((const tn_normalize_opts *)n->opts)->kind != TN_NORM_LAYER &&
                      n->x[0].ndim == 4 && b->x[0] &&
                      tn_cuda_layout_from(b->x[0])->form == TN_CUDA_NHWC;
    TN_TRY(nhwc ? tn_cuda_want_nhwc(d, n, b, 0) : tn_cuda_want_rows(d, n, b, 0));
    norm *k = tn_alloc(1, sizeof *k);
    if (!k)
        return tn_no_memory("normalize", sizeof *k);
    k->dtype = tn_cuda_type_of(b->precision);
    find_rows(&s, nhwc, k);
    find_sums(d, &s, nhwc, k);
    b->y[0] = b->x[0];
    if (b->training) {
        const size_t bytes = (size_t)(s.images * s.groups) * sizeof(float);
        k->mean = tn_cuda_part(&b->saved_bytes, bytes);
        k->inverse = tn_cuda_part(&b->saved_bytes, bytes);
        b->scratch_bytes = 2 * (size_t)(k->columns * k->sums.chunks) * sizeof(float);
    }
    b->backward_reads_x[0] = true;
    b->inplace = !b->training;
    b->inplace_backward = true;
    b->state = k;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const float *weight_of(const tn_call *c)
{
    return ((const tn_normalize_opts *)c->node->opts)->no_weight ? NULL : c->w[0];
}

/* Which parameter the bias is. */
static int bias_of(const tn_call *c)
{
    return ((const tn_normalize_opts *)c->node->opts)->no_weight ? 0 : 1;
}

static unsigned grid_of(const tn_call *c, const norm *k)
{
    const int64_t rows = k->rows.images * k->rows.groups;
    return tn_cuda_grid(c->device, rows * (k->rows.count > TNK_NORM_WARP ? TN_CUDA_BLOCK : WARP));
}

static tn_status forward(const tn_call *c)
{
    const tn_normalize_opts *o = c->node->opts;
    const norm *k = c->state;
    void *saved = c->run->training ? c->saved : NULL;
    struct tnk_norm_args a = {
        .rows = k->rows,
        .x = c->x[0],
        .y = c->y[0],
        .weight = weight_of(c),
        .bias = o->no_bias ? NULL : c->w[bias_of(c)],
        .mean = tn_cuda_at(saved, k->mean),
        .inverse = tn_cuda_at(saved, k->inverse),
        .epsilon = o->epsilon,
    };
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(k->dtype, tnk_norm, grid_of(c, k), TN_CUDA_BLOCK, 0, c->device->compute,
                           &a));
    return TN_OK;
}

static tn_status add_up(const tn_call *c, float *dweight, float *dbias)
{
    const norm *k = c->state;
    struct tnk_norm_sums_args a = k->sums;
    a.x = c->x[0];
    a.dy = c->dy[0];
    a.mean = tn_cuda_at(c->saved, k->mean);
    a.inverse = tn_cuda_at(c->saved, k->inverse);
    a.part = c->scratch;
    struct tnk_norm_add_args add = {.part = c->scratch,
                                    .columns = k->columns,
                                    .chunks = a.chunks,
                                    .dweight = dweight,
                                    .dbias = dbias};
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(k->dtype, tnk_norm_sums, (unsigned)(a.tiles * a.chunks), TNK_NORM_BLOCK,
                           0, c->device->compute, &a));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_norm_add, tn_cuda_grid(c->device, k->columns * WARP), TN_CUDA_BLOCK, 0,
                      c->device->compute, &add));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_normalize_opts *o = c->node->opts;
    const norm *k = c->state;
    float *dweight = o->no_weight ? NULL : c->dw[0];
    float *dbias = o->no_bias ? NULL : c->dw[bias_of(c)];
    struct tnk_norm_back_args a = {
        .rows = k->rows,
        .x = c->x[0],
        .dy = c->dy[0],
        .dx = c->dx[0],
        .weight = weight_of(c),
        .mean = tn_cuda_at(c->saved, k->mean),
        .inverse = tn_cuda_at(c->saved, k->inverse),
    };
    if (dweight || dbias)
        TN_TRY(add_up(c, dweight, dbias));
    if (!a.dx)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(k->dtype, tnk_norm_back, grid_of(c, k), TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_normalize = {
    .op = "normalize",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
