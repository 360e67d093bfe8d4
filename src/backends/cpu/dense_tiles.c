/* dense of a batch that is small beside its weights, by tiles of them; see dense/tiles.h. Sums have one
 * order: the same bits come out for any number of threads, and for an image whatever others there are. */
#include <string.h>

#include "backends/cpu/dense/tiles.h"
#include "backends/cpu/onednn/onednn.h"

enum {
    MAX_IMAGES = 128,
    MIN_SIDE = 64, /* of W: below it what is turned is not small beside what is multiplied, */
    TURNED_BYTES = 256 << 10, /* unless that stays in L2 */
    /* Of dW, where no cache would keep it until the update. */
    STREAM_BYTES = 8 << 20,
};

typedef struct dense_state {
    const tn_tiles_code *code;
    tn_tiles size;
    bool relu;
    /* x and dx: floats of an image; and, if they are in blocks of so many channels, those of a plane; else 0. */
    int64_t image, lanes, channels, pixels;
    size_t x, y, dz, dx; /* in scratch; x also the blocks of backward weights */
} dense_state;

static const tn_tiles_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_tiles_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_tiles_avx2,
    [TN_CPU_AVX512] = &tn_tiles_avx512,
#endif
};

static tn_status supports(const tn_node *n)
{
    _Static_assert(MAX_IMAGES == 128, "the text below says so");
    if (n->x[0].dim[0] > MAX_IMAGES)
        return tn_fail(TN_ERR_UNSUPPORTED, "dense %s: not by tiles: more than 128 images", n->name);
    return TN_OK;
}

/* ---- preparing ---------------------------------------------------------------------------- */

static int64_t whole(int64_t count, int64_t block)
{
    return (count + block - 1) / block * block;
}

static void prepare_sizes(dense_state *s, const tn_node *n)
{
    const int64_t N = n->x[0].dim[0], K = n->y[0].dim[1], D = tn_elements(&n->x[0]) / N;
    s->code = code_of[tn_cpu_isa_here()];
    s->size = (tn_tiles){.N = N,
                         .K = K,
                         .D = D,
                         .wide_N = whole(N, s->code->lanes),
                         .wide_K = whole(K, TN_TILE),
                         .wide_D = whole(D, TN_TILE)};
    s->size.stream = s->size.wide_K * s->size.wide_D * (int64_t)sizeof(float) >= STREAM_BYTES;
    s->relu = tn_has_post(n, TN_POST_RELU);
}

/* Backward weights is over before backward data writes dx, so that both may have the same place. */
static void prepare_scratch(dense_state *s, tn_binding *b)
{
    const tn_tiles *t = &s->size;
    const size_t outputs = (size_t)(t->wide_N * t->wide_K) * sizeof(float);
    const size_t inputs = (size_t)(t->wide_N * t->wide_D) * sizeof(float);
    size_t forward = 0, backward = 0;
    s->x = tn_cpu_part(&forward, inputs);
    s->y = tn_cpu_part(&forward, outputs);
    s->dx = tn_cpu_part(&backward, inputs);
    s->dz = tn_cpu_part(&backward, outputs);
    b->scratch_bytes = b->training ? tn_cpu_larger(forward, backward) : forward;
}

/* Blocks of channels, which a convolution or pooling gives, are read as they are. */
static void prepare_input(tn_maker *m, dense_state *s, const tn_node *n, tn_binding *b)
{
    const tn_layout *given = b->x[0];
    s->image = s->size.D;
    b->x[0] = NULL;
    for (int lanes = 8; given && n->x[0].ndim == 4 && lanes <= 16; lanes *= 2) {
        const int64_t *dim = n->x[0].dim;
        if (given != tn_md_layout(tn_md_image(m, &n->x[0], lanes)))
            continue;
        b->x[0] = given;
        s->lanes = lanes;
        s->channels = dim[1];
        s->pixels = dim[2] * dim[3];
        s->image = whole(dim[1], lanes) * s->pixels;
    }
}

static tn_status check_gain(const tn_node *n)
{
    const int64_t K = n->y[0].dim[1], D = tn_elements(&n->x[0]) / n->x[0].dim[0];
    const int64_t turned = n->x[0].dim[0] * (K + D) * (int64_t)sizeof(float);
    if (tn_cpu_lower(K, D) < MIN_SIDE && turned > TURNED_BYTES)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "dense %s: not by tiles: %lld x %lld weights are few beside the images",
                       n->name, (long long)K, (long long)D);
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (d->prefer != TN_CPU_TILES && !b->chosen)
        TN_TRY(check_gain(n));
    dense_state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("dense", sizeof *s);
    prepare_sizes(s, n);
    prepare_scratch(s, b);
    tn_maker m = tn_maker_begin(d, n);
    const int64_t dim[] = {s->size.K, s->size.D};
    b->w[0] = tn_md_layout(tn_md_tagged(&m, 2, dim, TN_F32, dnnl_AB16a16b));
    b->w[1] = NULL;
    b->y[0] = NULL;
    prepare_input(&m, s, n, b);
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->relu;
    if (m.status != TN_OK) {
        tn_free(s);
        return m.status;
    }
    b->state = s;
    return TN_OK;
}

/* ---- between rows and panels -------------------------------------------------------------- */

typedef float quad __attribute__((vector_size(16)));
typedef int32_t quad_mask __attribute__((vector_size(16)));
typedef float quad_in_memory __attribute__((vector_size(16), aligned(4), may_alias));

/* 4 x 4 numbers, rows `from_row` apart, to where they have become columns. */
static inline void transpose(const float *from, int64_t from_row, const float *cut, float *to,
                             int64_t to_row)
{
    quad row[4];
    for (int i = 0; i < 4; i++) {
        row[i] = *(const quad_in_memory *)(from + i * from_row);
        if (cut)
            row[i] =
                (quad)((quad_mask)row[i] & (*(const quad_in_memory *)(cut + i * from_row) > 0));
    }
    const quad a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    const quad b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    const quad c = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    const quad d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    *(quad_in_memory *)to = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    *(quad_in_memory *)(to + to_row) = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    *(quad_in_memory *)(to + 2 * to_row) = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    *(quad_in_memory *)(to + 3 * to_row) = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/* 16 columns of a matrix, whose rows are `stride` apart, to their panels, `height` rows of them; of those where `cut`
 * is not above 0, if it is given, 0. */
static void to_panels(const dense_state *s, const float *from, const float *cut, int64_t stride,
                      int64_t count, int64_t height, float *to)
{
    const int64_t L = s->code->lanes;
    for (int64_t n = 0; n < s->size.wide_N;) {
        const int64_t row = n * stride, inside = n < s->size.N ? count : 0, lane = n & (L - 1);
        float *at = to + (n - lane) * height + lane;
        if (n + 4 <= s->size.N && count == TN_TILE) {
            for (int64_t i = 0; i < TN_TILE; i += 4)
                transpose(from + row + i, stride, cut ? cut + row + i : NULL, at + i * L, L);
            n += 4;
            continue;
        }
        for (int64_t i = 0; i < inside; i++)
            at[i * L] = !cut || cut[row + i] > 0 ? from[row + i] : 0;
        for (int64_t i = inside; i < TN_TILE; i++)
            at[i * L] = 0;
        n++;
    }
}

/* And back. A NaN stays one behind a relu: nothing is hidden. */
static void from_panels(const dense_state *s, const float *from, int64_t height, const float *bias,
                        bool relu, int64_t stride, int64_t count, float *to)
{
    const int64_t L = s->code->lanes;
    for (int64_t n = 0; n < s->size.N;) {
        const int64_t lane = n & (L - 1), rows = n + 4 <= s->size.N && count == TN_TILE ? 4 : 1;
        const float *at = from + (n - lane) * height + lane;
        float *row = to + n * stride;
        for (int64_t i = 0; rows == 4 && i < TN_TILE; i += 4)
            transpose(at + i * L, L, NULL, row + i, stride);
        for (int64_t i = 0; rows == 1 && i < count; i++)
            row[i] = at[i * L];
        for (int64_t r = 0; r < rows; r++, row += stride)
            for (int64_t i = 0; i < count; i++) {
                const float value = row[i] + (bias ? bias[i] : 0);
                row[i] = relu && value < 0 ? 0 : value;
            }
        n += rows;
    }
}

/* Where `count` inputs of an image are, from number `first` on. */
static void find_inputs(const dense_state *s, int64_t first, int64_t count, int64_t *at)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = (first + i) / s->pixels, pixel = (first + i) % s->pixels;
        at[i] = (c / s->lanes * s->pixels + pixel) * s->lanes + c % s->lanes;
    }
}

/* 16 columns of x to their block. */
static void to_block(const dense_state *s, const float *x, int64_t tile, float *to)
{
    const int64_t first = tile * TN_TILE, count = tn_cpu_lower(s->size.D - first, TN_TILE);
    int64_t at[TN_TILE];
    if (s->lanes)
        find_inputs(s, first, count, at);
    for (int64_t n = 0; n < s->size.N; n++, to += TN_TILE, x += s->image) {
        if (!s->lanes)
            memcpy(to, x + first, (size_t)count * sizeof *to);
        for (int64_t i = 0; s->lanes && i < count; i++)
            to[i] = x[at[i]];
        memset(to + count, 0, (size_t)(TN_TILE - count) * sizeof *to);
    }
}

/* And back, to blocks of channels. What fills the last one becomes 0 with the last of its channels. */
static void from_block(const dense_state *s, const float *from, int64_t tile, float *dx)
{
    const int64_t first = tile * TN_TILE, count = tn_cpu_lower(s->size.D - first, TN_TILE);
    const int64_t last = (s->channels - 1) * s->pixels, fill = s->channels % s->lanes;
    int64_t at[TN_TILE];
    find_inputs(s, first, count, at);
    for (int64_t n = 0; n < s->size.N; n++, from += TN_TILE, dx += s->image)
        for (int64_t i = 0; i < count; i++) {
            dx[at[i]] = from[i];
            for (int64_t l = fill; fill && first + i >= last && l < s->lanes; l++)
                dx[at[i] - fill + 1 + l] = 0;
        }
}

/* Of the units in one tile, from the panels of dz. */
static void sum_bias(const dense_state *s, const float *dz, int64_t tile, float *db)
{
    const int64_t L = s->code->lanes, first = tile * TN_TILE;
    for (int64_t k = first; k < s->size.K && k < first + TN_TILE; k++) {
        float sum = 0;
        for (int64_t n = 0; n < s->size.N; n++)
            sum += dz[(n / L * s->size.wide_K + k) * L + n % L];
        db[k] = sum;
    }
}

/* ---- running ------------------------------------------------------------------------------ */

static float *scratch_at(const tn_call *c, size_t at)
{
    return (float *)(void *)((unsigned char *)c->scratch + at);
}

/* A pass is loops over tiles: a thread has the same ones in each. begin: of the chunk that is gone through. */
typedef void tile_step(const tn_call *c, int64_t begin, int64_t tile);

typedef struct job {
    const tn_call *c;
    int64_t begin;
    tile_step *step;
} job;

static void do_tiles(const void *of, tn_piece p)
{
    const job *j = of;
    for (int64_t tile = p.begin; tile < p.end; tile++)
        j->step(j->c, j->begin, tile);
}

static void each_tile(const tn_call *c, int64_t wide, int64_t begin, tile_step *step)
{
    tn_each(c->device, wide / TN_TILE, 1, do_tiles, &(job){c, begin, step});
}

/* Of `all` those that are in the tile. */
static int64_t part_of(int64_t all, int64_t tile)
{
    return tn_cpu_lower(all - tile * TN_TILE, TN_TILE);
}

static void inputs_in(const tn_call *c, int64_t unused, int64_t tile)
{
    const dense_state *s = c->state;
    const int64_t first = tile * TN_TILE;
    float block[MAX_IMAGES * TN_TILE];
    (void)unused;
    if (s->lanes)
        to_block(s, c->x[0], tile, block);
    to_panels(s, s->lanes ? block : (const float *)c->x[0] + first, NULL,
              s->lanes ? TN_TILE : s->image, part_of(s->size.D, tile), s->size.wide_D,
              scratch_at(c, s->x) + first * s->code->lanes);
}

static void forward_tile(const tn_call *c, int64_t begin, int64_t tile)
{
    const dense_state *s = c->state;
    const float *bias = c->w[1];
    float *y = scratch_at(c, s->y);
    const int64_t first = tile * TN_TILE, end = tn_cpu_lower(begin + s->code->chunk, s->size.D);
    s->code->forward(&s->size, c->w[0], scratch_at(c, s->x), tile, begin, end, y);
    if (end == s->size.D)
        from_panels(s, y + first * s->code->lanes, s->size.wide_K, bias ? bias + first : NULL,
                    s->relu, s->size.K, part_of(s->size.K, tile), (float *)c->y[0] + first);
}

static tn_status forward(const tn_call *c)
{
    const dense_state *s = c->state;
    const tn_tiles *t = &s->size;
    each_tile(c, t->wide_D, 0, inputs_in);
    for (int64_t begin = 0; begin < t->D; begin += s->code->chunk)
        each_tile(c, t->wide_K, begin, forward_tile);
    return TN_OK;
}

static void gradients_in(const tn_call *c, int64_t unused, int64_t tile)
{
    const dense_state *s = c->state;
    const float *dy = c->dy[0], *y = c->y[0];
    float *dz = scratch_at(c, s->dz);
    const int64_t first = tile * TN_TILE;
    (void)unused;
    to_panels(s, dy + first, s->relu ? y + first : NULL, s->size.K, part_of(s->size.K, tile),
              s->size.wide_K, dz + first * s->code->lanes);
    if (c->dw[1])
        sum_bias(s, dz, tile, c->dw[1]);
}

static void inputs_to_blocks(const tn_call *c, int64_t unused, int64_t tile)
{
    const dense_state *s = c->state;
    (void)unused;
    to_block(s, c->x[0], tile, scratch_at(c, s->dx) + tile * TN_TILE * s->size.N);
}

static void weights_tile(const tn_call *c, int64_t begin, int64_t tile)
{
    const dense_state *s = c->state;
    s->code->weights(&s->size, scratch_at(c, s->dz), scratch_at(c, s->dx), tile, begin,
                     tn_cpu_lower(begin + s->code->chunk, s->size.wide_D), c->dw[0]);
}

static void data_tile(const tn_call *c, int64_t begin, int64_t tile)
{
    const dense_state *s = c->state;
    float *made = scratch_at(c, s->dx), *dx = c->dx[0], block[MAX_IMAGES * TN_TILE];
    const int64_t first = tile * TN_TILE, end = tn_cpu_lower(begin + s->code->chunk, s->size.K);
    s->code->data(&s->size, c->w[0], scratch_at(c, s->dz), tile, begin, end, made);
    if (end < s->size.K)
        return;
    from_panels(s, made + first * s->code->lanes, s->size.wide_D, NULL, false,
                s->lanes ? TN_TILE : s->image, part_of(s->size.D, tile),
                s->lanes ? block : dx + first);
    if (s->lanes)
        from_block(s, block, tile, dx);
}

static tn_status backward(const tn_call *c)
{
    const dense_state *s = c->state;
    const tn_tiles *t = &s->size;
    each_tile(c, t->wide_K, 0, gradients_in);
    if (c->dw[0])
        each_tile(c, t->wide_D, 0, inputs_to_blocks);
    for (int64_t begin = 0; c->dw[0] && begin < t->wide_D; begin += s->code->chunk)
        each_tile(c, t->wide_K, begin, weights_tile);
    for (int64_t begin = 0; c->dx[0] && begin < t->K; begin += s->code->chunk)
        each_tile(c, t->wide_D, begin, data_tile);
    return TN_OK;
}

static const char *describe(const void *state)
{
    return ((const dense_state *)state)->code->name;
}

static void release(void *state)
{
    tn_free(state);
}

const tn_kernel tn_cpu_dense_tiles = {
    .op = "dense",
    .name = "tiles",
    .rank = 2,
    .posts = {{TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
