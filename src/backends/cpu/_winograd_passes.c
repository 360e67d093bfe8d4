#include "backends/cpu/_winograd_passes.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_SHEET = 4, /* images in a row of a sheet, at most */
    /* Of V and M in one block of tiles. Small products are slow, and above some MiB the caches' share of a
     * block is lost. */
    WALK_BYTES = 6 << 20, /* a thread, */
    ALL_BYTES = 64 << 20, /* and all threads */
    WEIGHTS_BYTES = 24 << 20,
    MIN_TILES = 16,
    MAX_TILES = 256,
};

/* The rule's constants, see the header. */
static const double MOVE_IMAGE = 32, MOVE_FILTER = 64, WANTED_GAIN = 1.2;
/* Of the tiles of backward data, those of the forward pass, for it to be walked backward. */
static const double FEWER_TILES = 0.8;

bool tn_wino_always;

/* ---- preparing ---------------------------------------------------------------------------- */

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* A cache line more than rows x columns, so that the matrices do not all fall into the same lines. */
static tn_wino_slab slab_of(int64_t rows, int64_t columns)
{
    return (tn_wino_slab){.pitch = rows * columns + 16, .rows = rows};
}

static size_t slab_bytes(const tn_wino *s, const tn_wino_slab *slab)
{
    return (size_t)(s->tile->n * s->tile->n * slab->pitch) * sizeof(float);
}

/* Tiles in one direction of a sheet, whose images' results are `size` pixels and begin every `apart`. */
static int64_t tiles_along(const tn_wino *s, int64_t images, int64_t apart, int64_t size)
{
    return ceil_div((images - 1) * apart + size, s->tile->m);
}

/* The sheet with the fewest tiles, of those that the batch fills. Images are as far apart as their padding,
 * `outside`, asks for, which one's end and the next one's beginning share. */
static void choose_sheet(const tn_wino *s, tn_wino_walk *w, const tn_shape *from,
                         const tn_shape *to, const int64_t outside[2])
{
    const int64_t N = to->dim[0], high = from->dim[2] + outside[0],
                  wide = from->dim[3] + outside[1];
    w->tiles = INT64_MAX;
    for (int64_t rows = 1; rows <= MAX_SHEET; rows++)
        for (int64_t columns = 1; columns <= MAX_SHEET; columns++) {
            const int64_t down = tiles_along(s, rows, high, to->dim[2]);
            const int64_t across = tiles_along(s, columns, wide, to->dim[3]);
            const int64_t tiles = N / (rows * columns) * down * across;
            if (N % (rows * columns) || tiles >= w->tiles)
                continue;
            w->tiles = tiles;
            w->from = (tn_wino_grid){.blocks = ceil_div(from->dim[1], s->code->lanes),
                                     .height = from->dim[2],
                                     .width = from->dim[3],
                                     .rows = rows,
                                     .columns = columns,
                                     .high = high,
                                     .wide = wide,
                                     .down = down,
                                     .across = across,
                                     .above = outside[0],
                                     .left = outside[1]};
        }
    w->to = w->from;
    w->to.blocks = ceil_div(to->dim[1], s->code->lanes);
    w->to.height = to->dim[2];
    w->to.width = to->dim[3];
    w->to.above = w->to.left = 0;
}

/* Tiles in a block, of which each of the threads gets as many: whole `units`. */
static int64_t block_of(const tn_wino *s, int64_t tiles, int64_t unit, int64_t bytes, int threads)
{
    const int64_t channels = s->groups * (s->wide_channels + s->wide_filters);
    const int64_t fitting = bytes / (s->tile->n * s->tile->n * channels * (int64_t)sizeof(float));
    const int64_t most = fitting < MIN_TILES   ? MIN_TILES
                         : fitting > MAX_TILES ? MAX_TILES
                                               : fitting;
    const int64_t block = ceil_div(tiles, ceil_div(tiles, most * threads) * threads);
    return ceil_div(block, unit) * unit;
}

/* Returns the bytes of scratch up to its end. */
static size_t prepare_slabs(const tn_wino *s, tn_wino_walk *w, int threads, size_t used)
{
    const int64_t bytes = ALL_BYTES / threads < WALK_BYTES ? ALL_BYTES / threads : WALK_BYTES;
    const int64_t sheet = w->from.down * w->from.across;
    w->block = block_of(s, w->tiles, w->order == TN_WINO_TRANSPOSED ? sheet : 1, bytes, threads);
    w->v = slab_of(w->block, w->from.blocks * s->code->lanes);
    w->m = slab_of(w->block, w->to.blocks * s->code->lanes);
    size_t each = 0;
    w->v_at = used + tn_cpu_part(&each, slab_bytes(s, &w->v));
    w->m_at = used + tn_cpu_part(&each, slab_bytes(s, &w->m));
    w->each = each;
    return used + each * (size_t)threads;
}

static size_t prepare_forward(tn_wino *s, const tn_node *n, int threads, size_t used)
{
    const tn_conv2d_opts *o = n->opts;
    choose_sheet(s, &s->forward, &n->x[0], &n->y[0], (int64_t[]){o->pad[0], o->pad[1]});
    return prepare_slabs(s, &s->forward, threads, used);
}

static size_t prepare_data(tn_wino *s, const tn_node *n, int threads, size_t used)
{
    const tn_conv2d_opts *o = n->opts;
    tn_wino_walk *w = &s->data;
    const int64_t last = s->tile->r - 1;
    w->order = TN_WINO_TURNED;
    choose_sheet(s, w, &n->y[0], &n->x[0], (int64_t[]){last - o->pad[0], last - o->pad[1]});
    const int64_t sheet = s->forward.from.down * s->forward.from.across;
    if (s->forward.tiles < FEWER_TILES * (double)w->tiles && sheet <= MAX_TILES)
        *w = (tn_wino_walk){.order = TN_WINO_TRANSPOSED,
                            .from = s->forward.to,
                            .to = s->forward.from,
                            .tiles = s->forward.tiles};
    return prepare_slabs(s, w, threads, used);
}

static size_t prepare_weights(tn_wino *s, size_t used)
{
    s->block = block_of(s, s->forward.tiles, 1, WEIGHTS_BYTES, 1);
    s->v = slab_of(s->block, s->groups * s->wide_channels);
    s->d = slab_of(s->block, s->groups * s->wide_filters);
    s->v_at = tn_cpu_part(&used, slab_bytes(s, &s->v));
    s->d_at = tn_cpu_part(&used, slab_bytes(s, &s->d));
    return used;
}

static void prepare_layouts(tn_maker *m, const tn_wino *s, const tn_node *n, tn_binding *b)
{
    const bool wide = s->code->lanes == 16;
    const int64_t G = s->groups, K = s->filters, C = s->channels, R = s->tile->r;
    b->x[0] = tn_md_layout(tn_md_image(m, &n->x[0], s->code->lanes));
    b->y[0] = tn_md_layout(tn_md_image(m, &n->y[0], s->code->lanes));
    b->w[0] = tn_md_layout(G == 1 ? tn_md_tagged(m, 4, (int64_t[]){K, C, R, R}, TN_F32,
                                                 wide ? dnnl_OIhw16i16o : dnnl_OIhw8i8o)
                                  : tn_md_tagged(m, 5, (int64_t[]){G, K, C, R, R}, TN_F32,
                                                 wide ? dnnl_gOIhw16i16o : dnnl_gOIhw8i8o));
    b->w[1] = NULL;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static tn_status check_gain(const tn_wino *s, const tn_node *n)
{
    const double C = (double)s->wide_channels, K = (double)s->wide_filters;
    const double T = (double)s->forward.tiles, N = (double)n->y[0].dim[0];
    const double pixels = N * (double)(n->y[0].dim[2] * n->y[0].dim[3]);
    const double taps = s->tile->r * s->tile->r, places = s->tile->n * s->tile->n;
    const double groups = (double)s->groups;
    const double formula = groups * pixels * K * (double)s->channels * taps;
    const double winograd =
        groups * places * (T * C * K + MOVE_IMAGE * T * (C + K) + MOVE_FILTER * C * K);
    if (tn_wino_always || WANTED_GAIN * winograd < formula)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "conv2d %s: not by Winograd's method: it costs as much as %.1f million "
                   "multiplications, the formula %.1f million",
                   n->name, winograd * 1e-6, formula * 1e-6);
}

void tn_wino_prepare(tn_maker *m, tn_wino *s, const tn_node *n, tn_binding *b,
                     const tn_wino_code *code)
{
    const tn_conv2d_opts *o = n->opts;
    const int r = o->kernel[0], threads = m->device->threads;
    *s = (tn_wino){.code = code,
                   .tile = &code->tile[r == 3 ? 0 : 1],
                   .relu = n->fused != NULL,
                   .groups = o->groups,
                   .channels = n->x[0].dim[1] / o->groups,
                   .filters = o->filters / o->groups};
    s->wide_channels = ceil_div(s->channels, code->lanes) * code->lanes;
    s->wide_filters = ceil_div(s->filters, code->lanes) * code->lanes;
    snprintf(s->name, sizeof s->name, "winograd %dx%d:%s", s->tile->n, s->tile->n, code->name);
    prepare_layouts(m, s, n, b);

    size_t used = 0;
    s->u = slab_of(s->wide_channels, s->groups * s->wide_filters);
    s->u_transposed = slab_of(s->wide_filters, s->groups * s->wide_channels);
    s->bias_at = tn_cpu_part(&used, (size_t)(s->groups * s->wide_filters) * sizeof(float));
    s->u_at = tn_cpu_part(&used, slab_bytes(s, &s->u));
    b->scratch_bytes = prepare_forward(s, n, threads, used);
    if (m->status == TN_OK)
        m->status = check_gain(s, n);
    if (b->dx[0])
        b->scratch_bytes = larger(b->scratch_bytes, prepare_data(s, n, threads, used));
    if (b->dw[0] || b->dw[1])
        b->scratch_bytes = larger(b->scratch_bytes, prepare_weights(s, used));
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->relu;
}

/* ---- running ------------------------------------------------------------------------------ */

static tn_wino_slab slab_at(const tn_call *c, tn_wino_slab slab, size_t at)
{
    slab.data = (float *)(void *)((unsigned char *)c->scratch + at);
    return slab;
}

/* Matrix q of a slab, from block number `block` on. */
static tn_wino_matrix matrix_of(const tn_wino *s, const tn_wino_slab *slab, int64_t q,
                                int64_t block)
{
    return (tn_wino_matrix){slab->data + q * slab->pitch + block * slab->rows * s->code->lanes,
                            slab->rows};
}

/* In a parallel region: all filters to U. */
static void transform_filters(const tn_wino *s, const float *w, tn_wino_order order,
                              const tn_wino_slab *u)
{
    const bool transposed = order != TN_WINO_AS_IS;
    const int L = s->code->lanes, r = s->tile->r;
    const int64_t C = s->wide_channels / L, K = s->wide_filters / L;
#pragma omp for collapse(2) schedule(static)
    for (int64_t k = 0; k < s->groups * K; k++)
        for (int64_t c = 0; c < C; c++)
            s->tile->filter(w + (k * C + c) * r * r * L * L, order, u, (transposed ? k % K : c) * L,
                            transposed ? k / K * C + c : k);
}

static void transform_filters_back(const tn_wino *s, float *dw, const tn_wino_slab *du)
{
    const int L = s->code->lanes, r = s->tile->r;
    const int64_t C = s->wide_channels / L, K = s->wide_filters / L;
#pragma omp for collapse(2) schedule(static)
    for (int64_t k = 0; k < s->groups * K; k++)
        for (int64_t c = 0; c < C; c++)
            s->tile->filter_back(dw + (k * C + c) * r * r * L * L, du, c * L, k);
}

/* M[q] = V[q] U[q] for all q and groups. */
static void multiply_block(const tn_wino *s, int64_t tiles, const tn_wino_slab *v,
                           const tn_wino_slab *u, bool transposed, const tn_wino_slab *m)
{
    const int L = s->code->lanes;
    const int64_t in = transposed ? s->filters : s->channels;
    const int64_t out = (transposed ? s->wide_channels : s->wide_filters) / L;
    for (int q = 0; q < s->tile->n * s->tile->n; q++)
        for (int64_t g = 0; g < s->groups; g++) {
            const tn_wino_matrix a = matrix_of(s, v, q, g * in / L);
            const tn_wino_matrix b = matrix_of(s, u, q, g * out), c = matrix_of(s, m, q, g * out);
            s->code->multiply(tiles, in, out, &a, &b, &c);
        }
}

typedef struct images {
    const float *from, *cut; /* cut: y, if a relu cuts gradients off; else NULL */
    float *to;
    const float *bias;
    bool relu;
} images;

/* In a parallel region: sums begin with 0. */
static void clear_images(const tn_wino *s, const tn_wino_grid *g, int64_t count, float *to)
{
    const int64_t pixels = g->blocks * g->height * g->width * s->code->lanes;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < count; i++)
        memset(to + i * pixels, 0, (size_t)pixels * sizeof *to);
}

static void walk(const tn_wino *s, const tn_wino_walk *w, const tn_call *c, const images *i)
{
    const bool forward = w->order == TN_WINO_AS_IS, add = w->order == TN_WINO_TRANSPOSED;
    const tn_wino_slab u = slab_at(c, forward ? s->u : s->u_transposed, s->u_at);
    const tn_wino_tile *tile = s->tile;
#pragma omp parallel num_threads(c->device->threads)
    {
        const size_t mine = (size_t)omp_get_thread_num() * w->each;
        const tn_wino_slab v = slab_at(c, w->v, w->v_at + mine);
        const tn_wino_slab m = slab_at(c, w->m, w->m_at + mine);
        transform_filters(s, c->w[0], w->order, &u);
        if (add)
            clear_images(s, &w->to, c->node->x[0].dim[0], i->to);
#pragma omp for schedule(static)
        for (int64_t begin = 0; begin < w->tiles; begin += w->block) {
            const int64_t end = begin + w->block < w->tiles ? begin + w->block : w->tiles;
            (add ? tile->spread : tile->input)(&w->from, i->from, i->cut, begin, end, &v);
            multiply_block(s, end - begin, &v, &u, !forward, &m);
            if (add)
                tile->collect(&w->to, &m, begin, end, i->to);
            else
                tile->output(&w->to, &m, i->bias, i->relu, begin, end, i->to);
        }
    }
}

/* One number a filter, and 0 for those that fill the last block. */
static const float *whole_blocks(const tn_wino *s, const tn_call *c)
{
    const size_t filters = (size_t)(s->groups * s->filters);
    if (!c->w[1] || s->filters == s->wide_filters)
        return c->w[1];
    float *bias = (float *)(void *)((unsigned char *)c->scratch + s->bias_at);
    memset(bias, 0, (size_t)(s->groups * s->wide_filters) * sizeof *bias);
    return memcpy(bias, c->w[1], filters * sizeof *bias);
}

void tn_wino_forward(const tn_wino *s, const tn_call *c)
{
    walk(s, &s->forward, c,
         &(images){.from = c->x[0], .to = c->y[0], .bias = whole_blocks(s, c), .relu = s->relu});
}

void tn_wino_backward_data(const tn_wino *s, const tn_call *c)
{
    walk(s, &s->data, c, &(images){.from = c->dy, .cut = s->relu ? c->y[0] : NULL, .to = c->dx[0]});
}

/* dU[q] += V[q]' D[q]; the first block begins them. */
static void add_products(const tn_wino *s, int64_t q, int64_t g, int64_t tiles, bool first,
                         const tn_wino_slab *v, const tn_wino_slab *d, const tn_wino_slab *du)
{
    const int64_t C = s->wide_channels / s->code->lanes, K = s->wide_filters / s->code->lanes;
    const tn_wino_matrix a = matrix_of(s, v, q, g * C), b = matrix_of(s, d, q, g * K);
    const tn_wino_matrix c = matrix_of(s, du, q, g * K);
    s->code->multiply_turned(s->wide_channels, tiles, K, &a, &b, &c, !first);
}

/* db[k] += the sums of dz over the tiles: D at point 1 in both directions. */
static void add_bias(const tn_wino *s, float *db, int64_t tiles, bool first, const tn_wino_slab *d)
{
    const int L = s->code->lanes;
#pragma omp for schedule(static)
    for (int64_t k = 0; k < s->groups * s->filters; k++) {
        const float *sums = matrix_of(s, d, s->tile->n + 1, k / L).data + k % L;
        float sum = first ? 0 : db[k];
        for (int64_t t = 0; t < tiles; t++)
            sum += sums[t * L];
        db[k] = sum;
    }
}

void tn_wino_backward_weights(const tn_wino *s, const tn_call *c)
{
    const tn_wino_slab du = slab_at(c, s->u, s->u_at);
    const tn_wino_slab v = slab_at(c, s->v, s->v_at), d = slab_at(c, s->d, s->d_at);
    const float *cut = s->relu ? c->y[0] : NULL;
    const int64_t products = c->dw[0] ? s->tile->n * s->tile->n * s->groups : 0;
#pragma omp parallel num_threads(c->device->threads)
    {
        for (int64_t begin = 0; begin < s->forward.tiles; begin += s->block) {
            const int64_t count =
                s->forward.tiles - begin < s->block ? s->forward.tiles - begin : s->block;
#pragma omp for schedule(static)
            for (int64_t t = 0; t < count; t++) {
                tn_wino_slab vt = v, dt = d;
                vt.data += t * s->code->lanes;
                dt.data += t * s->code->lanes;
                if (c->dw[0])
                    s->tile->input(&s->forward.from, c->x[0], NULL, begin + t, begin + t + 1, &vt);
                s->tile->spread(&s->forward.to, c->dy, cut, begin + t, begin + t + 1, &dt);
            }
            if (c->dw[1])
                add_bias(s, c->dw[1], count, begin == 0, &d);
#pragma omp for schedule(static)
            for (int64_t i = 0; i < products; i++)
                add_products(s, i / s->groups, i % s->groups, count, begin == 0, &v, &d, &du);
        }
        if (c->dw[0])
            transform_filters_back(s, c->dw[0], &du);
    }
}
