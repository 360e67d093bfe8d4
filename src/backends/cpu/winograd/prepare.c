/* Before the passes of winograd/passes.h: is the method worth it, how are images cut into tiles and tiles
 * into blocks, what does each of them take of scratch memory. */
#include <math.h>
#include <stdio.h>

#include "backends/cpu/winograd/passes.h"

enum {
    MAX_SHEET = 4, /* images in a row of a sheet, at most */
    /* Of V and M in one block of tiles, which shall stay in L2; but filters, if they do not, are read for
     * each block, and should meet many tiles. */
    BLOCK_BYTES = 768 << 10,
    MANY_TILES = 48,
    FEW_TILES = 16,
    MAX_TILES = 256,
    WEIGHTS_BYTES = 8 << 20, /* where all threads share a block, in backward weights */
    /* Of all threads, as much as the images take, but at least and at most: for it a block may get smaller. */
    LEAST_BYTES = 2 << 20,
    MOST_BYTES = 24 << 20,
    LEAST_TILES = 8,
    SMALL_BYTES = 1 << 20, /* of U, to stay in L2; of dU, for each thread to have its own, */
    OWN_BYTES = 4 << 20,   /* and of all those */
    MAX_SIDE = 16,         /* of a tile, above all */
    PIECES = 4,            /* of products that are shared, for each thread, at least */
};

/* The rule's constants, see the header. */
static const double MOVE_IMAGE = 12, MOVE_FILTER = 64, READ_FILTER = 16, WANTED_GAIN = 1.2,
                    KEPT_GAIN = 1.1;
/* Of the tiles of backward data, those of the forward pass, for it to be walked backward. */
static const double FEWER_TILES = 0.8;

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

/* The sheet with the fewest tiles, of those that the batch fills. Images are as far apart as the larger
 * of their paddings, `before` and `after` them, asks for: one's end and the next one's beginning share it. */
static void choose_sheet(const tn_wino *s, tn_wino_walk *w, const tn_shape *from,
                         const tn_shape *to, const int64_t before[2], const int64_t after[2])
{
    const int64_t N = to->dim[0];
    const int64_t high = from->dim[2] + (before[0] > after[0] ? before[0] : after[0]);
    const int64_t wide = from->dim[3] + (before[1] > after[1] ? before[1] : after[1]);
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
                                     .above = before[0],
                                     .left = before[1]};
        }
    w->to = w->from;
    w->to.blocks = ceil_div(to->dim[1], s->code->lanes);
    w->to.height = to->dim[2];
    w->to.width = to->dim[3];
    w->to.above = w->to.left = 0;
}

/* Tiles in a block, of which each of the threads gets as many: whole `units`. */
static int64_t block_of(const tn_wino *s, int64_t tiles, int64_t unit, int64_t bytes, int64_t least,
                        int threads)
{
    const int64_t channels = s->groups * (s->wide_channels + s->wide_filters);
    const int64_t each = s->tile->n * s->tile->n * channels * (int64_t)sizeof(float);
    const int64_t fitting = bytes / each, bound = s->bound / threads / each;
    int64_t most = fitting < least ? least : fitting > MAX_TILES ? MAX_TILES : fitting;
    if (most > bound)
        most = bound < LEAST_TILES ? LEAST_TILES : bound;
    const int64_t block = ceil_div(tiles, ceil_div(tiles, most * threads) * threads);
    return ceil_div(block, unit) * unit;
}

static int64_t bound_of(const tn_wino *s, const tn_node *n)
{
    const int64_t pixels = n->x[0].dim[2] * n->x[0].dim[3] * s->groups * s->wide_channels +
                           n->y[0].dim[2] * n->y[0].dim[3] * s->groups * s->wide_filters;
    const int64_t bytes = n->x[0].dim[0] * pixels * (int64_t)sizeof(float);
    return bytes < LEAST_BYTES ? LEAST_BYTES : bytes > MOST_BYTES ? MOST_BYTES : bytes;
}

/* Tiles that have to be one thread's, if tiles of results overlap. */
static int64_t unit_of(const tn_wino_walk *w)
{
    return w->order == TN_WINO_TRANSPOSED ? w->from.down * w->from.across : 1;
}

/* Whether all threads share one block, and its products in pieces, some for each thread. */
static void prepare_sharing(const tn_wino *s, tn_wino_walk *w, bool small, int threads)
{
    const int64_t products = s->tile->n * s->tile->n * s->groups;
    const int64_t blocks = w->to.blocks / s->groups;
    const int64_t pieces = ceil_div(PIECES * threads, products);
    w->together =
        threads > 1 && !small && w->order != TN_WINO_TRANSPOSED && w->block * threads >= w->tiles;
    w->piece = 2 * ceil_div(blocks, 2 * pieces); /* of two, as products like them */
    if (w->together)
        w->block = w->tiles;
}

/* Returns the bytes of scratch up to its end. */
static size_t prepare_slabs(const tn_wino *s, tn_wino_walk *w, int threads, size_t used)
{
    const bool small = slab_bytes(s, &s->u) <= SMALL_BYTES;
    w->block =
        block_of(s, w->tiles, unit_of(w), BLOCK_BYTES, small ? FEW_TILES : MANY_TILES, threads);
    prepare_sharing(s, w, small, threads);
    w->v = slab_of(w->block, w->from.blocks * s->code->lanes);
    w->m = slab_of(w->block, w->to.blocks * s->code->lanes);
    size_t each = 0;
    w->v_at = used + tn_cpu_part(&each, slab_bytes(s, &w->v));
    w->m_at = used + tn_cpu_part(&each, slab_bytes(s, &w->m));
    w->each = each;
    return used + each * (size_t)(w->together ? 1 : threads);
}

static size_t prepare_forward(tn_wino *s, const tn_node *n, int threads, size_t used)
{
    const tn_conv2d_opts *o = n->opts;
    choose_sheet(s, &s->forward, &n->x[0], &n->y[0], (int64_t[]){o->pad[0], o->pad[1]},
                 (int64_t[]){o->pad[0] + o->pad_extra[0], o->pad[1] + o->pad_extra[1]});
    return prepare_slabs(s, &s->forward, threads, used);
}

static size_t prepare_data(tn_wino *s, const tn_node *n, int threads, size_t used)
{
    const tn_conv2d_opts *o = n->opts;
    tn_wino_walk *w = &s->data;
    const int64_t last = s->tile->r - 1;
    w->order = TN_WINO_TURNED;
    const int64_t before[2] = {last - o->pad[0], last - o->pad[1]};
    choose_sheet(s, w, &n->y[0], &n->x[0], before,
                 (int64_t[]){before[0] - o->pad_extra[0], before[1] - o->pad_extra[1]});
    const int64_t sheet = s->forward.from.down * s->forward.from.across;
    if (s->forward.tiles < FEWER_TILES * (double)w->tiles && sheet <= MAX_TILES)
        *w = (tn_wino_walk){.order = TN_WINO_TRANSPOSED,
                            .from = s->forward.to,
                            .to = s->forward.from,
                            .tiles = s->forward.tiles};
    return prepare_slabs(s, w, threads, used);
}

/* After prepare_data(). Where dx is not made too, U's place is free. */
static size_t prepare_weights(tn_wino *s, const tn_binding *b, int threads)
{
    tn_wino_weights *w = &s->weights;
    const size_t du = slab_bytes(s, &s->u);
    w->own = du <= SMALL_BYTES && du * (size_t)threads <= OWN_BYTES;
    w->data = w->own && b->dw[0] && b->dx[0] && s->data.order == TN_WINO_TRANSPOSED;
    const int parts = w->own ? threads : 1;
    w->block = w->own ? block_of(s, s->forward.tiles, w->data ? unit_of(&s->data) : 1, BLOCK_BYTES,
                                 FEW_TILES, threads)
                      : block_of(s, s->forward.tiles, 1, WEIGHTS_BYTES, MANY_TILES, 1);
    w->v = slab_of(w->block, s->groups * s->wide_channels);
    w->d = slab_of(w->block, s->groups * s->wide_filters);
    size_t each = 0;
    w->v_at = tn_cpu_part(&each, slab_bytes(s, &w->v));
    w->d_at = tn_cpu_part(&each, slab_bytes(s, &w->d));
    w->du_at = tn_cpu_part(&each, slab_bytes(s, &s->u));
    w->db_at = tn_cpu_part(&each, (size_t)(s->groups * s->wide_filters) * sizeof(float));
    w->each = each;
    w->at = w->data ? s->u_at + slab_bytes(s, &s->u_transposed) : s->u_at;
    w->at = (w->at + TN_CPU_ALIGN - 1) / TN_CPU_ALIGN * TN_CPU_ALIGN;
    return w->at + each * (size_t)parts;
}

/* What the forward pass costs, in multiplications. */
static double cost_of(const tn_wino *s)
{
    const double C = (double)s->wide_channels, K = (double)s->wide_filters;
    const double T = (double)s->forward.tiles, places = s->tile->n * s->tile->n;
    const double filters = (s->keeps ? READ_FILTER : MOVE_FILTER) * C * K;
    return (double)s->groups * places * (T * C * K + MOVE_IMAGE * T * (C + K) + filters);
}

static tn_status check_gain(const tn_wino *s, const tn_node *n)
{
    const double pixels = (double)(n->y[0].dim[0] * n->y[0].dim[2] * n->y[0].dim[3]);
    const double products = (double)(s->groups * s->wide_filters * s->channels);
    const double taps = s->tile->r * s->tile->r, read = s->keeps ? READ_FILTER : 0;
    const double formula = (pixels + read) * products * taps, winograd = cost_of(s);
    if ((s->keeps ? KEPT_GAIN : WANTED_GAIN) * winograd < formula)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "conv2d %s: not by Winograd's method: it costs as much as %.1f million "
                   "multiplications, the formula %.1f million",
                   n->name, winograd * 1e-6, formula * 1e-6);
}

/* The forward pass by that tile. */
static void prepare_tile(tn_wino *s, const tn_node *n, const tn_binding *b, int tile, int threads)
{
    s->tile = &s->code->tile[tile];
    s->u = slab_of(s->wide_channels, s->groups * s->wide_filters);
    s->u_transposed = slab_of(s->wide_filters, s->groups * s->wide_channels);
    s->shared = 0;
    s->bias_at = tn_cpu_part(&s->shared, (size_t)(s->groups * s->wide_filters) * sizeof(float));
    s->scratch = prepare_forward(s, n, threads, s->shared);
    s->keeps = !b->training && slab_bytes(s, &s->u) + s->scratch <= b->spare;
    if (!s->keeps) {
        s->u_at = tn_cpu_part(&s->shared, slab_bytes(s, &s->u));
        s->scratch = prepare_forward(s, n, threads, s->shared);
    }
}

static void choose_tile(tn_wino *s, const tn_node *n, const tn_binding *b,
                        const tn_backend_device *d)
{
    const bool small = d->prefer == TN_CPU_WINOGRAD_4X4;
    const tn_conv2d_opts *o = n->opts;
    const bool three = o->kernel[0] == 3;
    prepare_tile(s, n, b, !three ? TN_WINO_8X8 : small ? TN_WINO_4X4 : TN_WINO_6X6, d->threads);
    if (!three)
        return;
    tn_wino other = *s;
    prepare_tile(&other, n, b, TN_WINO_4X4, d->threads);
    if (other.keeps && cost_of(&other) < cost_of(s))
        *s = other;
}

/* A relu holds y above 0, a clip between its two numbers. */
static tn_wino_end find_end(const tn_node *n)
{
    if (tn_has_post(n, TN_POST_RELU))
        return (tn_wino_end){.holds = true, .high = INFINITY};
    if (!tn_has_post(n, TN_POST_EACH))
        return (tn_wino_end){0};
    const tn_clip_opts *o = n->post[0]->opts;
    return (tn_wino_end){.holds = true, .low = o->min, .high = o->max};
}

void tn_wino_prepare(tn_maker *m, tn_wino *s, const tn_node *n, tn_binding *b,
                     const tn_wino_code *code)
{
    const tn_conv2d_opts *o = n->opts;
    const int threads = m->device->threads;
    *s = (tn_wino){.code = code,
                   .relu = tn_has_post(n, TN_POST_RELU),
                   .adds = tn_has_post(n, TN_POST_ADD),
                   .groups = o->groups,
                   .channels = n->x[0].dim[1] / o->groups,
                   .filters = o->filters / o->groups};
    s->end = find_end(n);
    s->wide_channels = ceil_div(s->channels, code->lanes) * code->lanes;
    s->wide_filters = ceil_div(s->filters, code->lanes) * code->lanes;
    s->bound = bound_of(s, n);
    choose_tile(s, n, b, m->device);
    snprintf(s->name, sizeof s->name, "winograd %dx%d:%s", s->tile->n, s->tile->n, code->name);
    if (m->status == TN_OK)
        m->status = tn_onednn_conv_blocks(m->device, n, code->lanes, false, b);
    b->scratch_bytes = s->scratch;
    if (s->keeps) {
        b->kept_bytes = slab_bytes(s, &s->u);
        b->kept_of[0] = true;
        b->kept_form = s->tile->n + MAX_SIDE * s->groups;
    }
    const tn_cpu_prefer prefer = m->device->prefer;
    const bool asked = prefer == TN_CPU_WINOGRAD || prefer == TN_CPU_WINOGRAD_4X4 || b->chosen;
    if (m->status == TN_OK && !asked)
        m->status = check_gain(s, n);
    if (b->dx[0])
        b->scratch_bytes = tn_cpu_larger(b->scratch_bytes, prepare_data(s, n, threads, s->shared));
    if (b->dw[0] || b->dw[1])
        b->scratch_bytes = tn_cpu_larger(b->scratch_bytes, prepare_weights(s, b, threads));
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->relu;
}
