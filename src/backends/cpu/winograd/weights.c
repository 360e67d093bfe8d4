/* Winograd's backward pass to the weights; see winograd/passes.h. */
#include <string.h>

#include "backends/cpu/winograd/parts.h"

/* dU[q] += V[q]' D[q]. */
static void add_products(const tn_wino *s, int64_t q, int64_t g, int64_t rows, int64_t tiles,
                         const tn_wino_slab *v, const tn_wino_slab *d, const tn_wino_slab *du)
{
    const int64_t C = s->wide_channels / s->code->lanes, K = s->wide_filters / s->code->lanes;
    const tn_wino_matrix a = tn_wino_matrix_of(s, v, q, g * C),
                         b = tn_wino_matrix_of(s, d, q, g * K);
    const tn_wino_matrix c = tn_wino_matrix_of(s, du, q, g * K);
    s->code->multiply_turned(rows, tiles, K, &a, &b, &c);
}

/* db += the sums of dz over the tiles, of filters of one block: D at point 1 in both directions. */
static void add_bias(const tn_wino *s, float *db, int64_t block, int64_t tiles,
                     const tn_wino_slab *d)
{
    const int L = s->code->lanes;
    const float *sums = tn_wino_matrix_of(s, d, s->tile->n + 1, block).data;
    for (int64_t t = 0; t < tiles; t++)
        for (int l = 0; l < L; l++)
            db[block * L + l] += sums[t * L + l];
}

/* A part of scratch, or the one of all. */
typedef struct weights_part {
    tn_wino_slab v, d, du;
    float *db;
} weights_part;

static weights_part part_at(const tn_wino *s, const tn_call *c, int number)
{
    const tn_wino_weights *w = &s->weights;
    const size_t at = w->at + (size_t)number * w->each;
    return (weights_part){.v = tn_wino_slab_at(c, w->v, at + w->v_at),
                          .d = tn_wino_slab_at(c, w->d, at + w->d_at),
                          .du = tn_wino_slab_at(c, s->u, at + w->du_at),
                          .db = (float *)(void *)((unsigned char *)c->scratch + at + w->db_at)};
}

/* V and D of tiles begin .. end - 1 at the slabs' row `row`. */
static void make_factors(const tn_wino *s, const tn_call *c, const weights_part *p, int64_t row,
                         int64_t begin, int64_t end)
{
    const tn_wino_slab v = tn_wino_row_of(s, &p->v, row), d = tn_wino_row_of(s, &p->d, row);
    if (c->dw[0])
        s->tile->input(&s->forward.from, c->x[0], NULL, begin, end, &v);
    s->tile->spread(&s->forward.to, c->dy[0], s->relu ? c->y[0] : NULL, begin, end, &d);
}

typedef struct gradients {
    const tn_wino *s;
    const tn_call *c;
    tn_wino_slab u;       /* for dx in the same go */
    int64_t begin, count; /* tiles of the block that all threads are at */
} gradients;

static void clear_du(const void *of, tn_piece p)
{
    const gradients *j = of;
    const tn_wino_slab du = part_at(j->s, j->c, 0).du;
    memset(du.data + p.begin * du.pitch, 0, (size_t)((p.end - p.begin) * du.pitch) * sizeof(float));
}

static void factors_of_block(const void *of, tn_piece p)
{
    const gradients *j = of;
    const weights_part part = part_at(j->s, j->c, 0);
    for (int64_t t = p.begin; t < p.end; t++)
        make_factors(j->s, j->c, &part, t, j->begin + t, j->begin + t + 1);
}

/* Of blocks of filters the bias, then the products. */
static void sums_of_block(const void *of, tn_piece p)
{
    const gradients *j = of;
    const tn_wino *s = j->s;
    const weights_part part = part_at(s, j->c, 0);
    const int64_t blocks = s->forward.to.blocks;
    for (int64_t i = p.begin; i < p.end; i++)
        if (i < blocks)
            add_bias(s, part.db, i, j->count, &part.d);
        else
            add_products(s, (i - blocks) / s->groups, (i - blocks) % s->groups, s->wide_channels,
                         j->count, &part.v, &part.d, &part.du);
}

/* All threads at one block, of which each has some of the tiles, then some of the products. */
static void weights_together(gradients *j)
{
    const tn_wino *s = j->s;
    const int64_t tiles = s->forward.tiles, block = s->weights.block;
    const int64_t products = j->c->dw[0] ? s->tile->n * s->tile->n * s->groups : 0;
    const tn_backend_device *d = j->c->device;
    tn_each(d, (int64_t)s->tile->n * s->tile->n, 1, clear_du, j);
    memset(part_at(s, j->c, 0).db, 0, (size_t)(s->groups * s->wide_filters) * sizeof(float));
    for (j->begin = 0; j->begin < tiles; j->begin += block) {
        j->count = tn_cpu_lower(tiles - j->begin, block);
        tn_each(d, j->count, 1, factors_of_block, j);
        tn_each(d, s->forward.to.blocks + products, 1, sums_of_block, j);
    }
}

/* dx of the tiles whose D there is; V's place is M's now. */
static void collect_data(const tn_wino *s, const tn_call *c, const weights_part *p,
                         const tn_wino_slab *u, int64_t begin, int64_t end)
{
    tn_wino_multiply(s, end - begin, &p->d, u, true, &p->v);
    s->tile->collect(&s->data.to, &p->v, begin, end, c->dx[0]);
}

/* Tiles begin ... end - 1 to the dU and db of a part. */
static void add_block(const gradients *j, const weights_part *p, int64_t begin, int64_t end)
{
    const tn_wino *s = j->s;
    const int64_t rows = (s->channels + 7) / 8 * 8; /* those that fill the last block stay 0 */
    make_factors(s, j->c, p, 0, begin, end);
    for (int64_t k = 0; k < s->forward.to.blocks; k++)
        add_bias(s, p->db, k, end - begin, &p->d);
    for (int64_t q = 0; j->c->dw[0] && q < s->tile->n * s->tile->n; q++)
        for (int64_t g = 0; g < s->groups; g++)
            add_products(s, q, g, rows, end - begin, &p->v, &p->d, &p->du);
    if (s->weights.data)
        collect_data(s, j->c, p, &j->u, begin, end);
}

static int64_t floats_of(const tn_wino *s)
{
    return s->tile->n * s->tile->n * s->u.pitch;
}

/* As many parts as there are threads, each with dU and db of its own. */
static void add_parts(const void *of, tn_piece parts)
{
    const gradients *j = of;
    const tn_wino *s = j->s;
    const int64_t tiles = s->forward.tiles, block = s->weights.block;
    for (int i = (int)parts.begin; i < parts.end; i++) {
        const weights_part p = part_at(s, j->c, i);
        const tn_piece blocks = tn_part((tiles + block - 1) / block, j->c->device->threads, i);
        memset(p.du.data, 0, (size_t)floats_of(s) * sizeof(float));
        memset(p.db, 0, (size_t)(s->groups * s->wide_filters) * sizeof(float));
        for (int64_t k = blocks.begin; k < blocks.end; k++)
            add_block(j, &p, k * block, tn_cpu_lower(k * block + block, tiles));
    }
}

static void add_up(const void *of, tn_piece p)
{
    const gradients *j = of;
    float *sum = part_at(j->s, j->c, 0).du.data;
    for (int other = 1; other < j->c->device->threads; other++) {
        const float *du = part_at(j->s, j->c, other).du.data;
#pragma omp simd
        for (int64_t i = p.begin; i < p.end; i++)
            sum[i] += du[i];
    }
}

/* Each thread at blocks of its own; the parts are added up at the end. D is at hand: dx may be made of it too. */
static void weights_apart(gradients *j)
{
    const tn_wino *s = j->s;
    const tn_call *c = j->c;
    float *sum = part_at(s, c, 0).db;
    if (s->weights.data) {
        j->u = tn_wino_slab_at(c, s->u_transposed, s->u_at);
        tn_wino_transform(s, c, TN_WINO_TRANSPOSED, &j->u);
        tn_wino_clear(s, &s->data.to, c, c->dx[0]);
    }
    tn_each(c->device, c->device->threads, 1, add_parts, j);
    tn_each(c->device, floats_of(s), TN_FLOATS, add_up, j);
    for (int other = 1; other < c->device->threads; other++) {
        const float *db = part_at(s, c, other).db;
        for (int64_t k = 0; k < s->groups * s->filters; k++)
            sum[k] += db[k];
    }
}

typedef struct filters_back {
    const tn_wino *s;
    float *dw;
    tn_wino_slab u;
} filters_back;

static void transform_some_back(const void *of, tn_piece p)
{
    const filters_back *f = of;
    const tn_wino *s = f->s;
    const int L = s->code->lanes, r = s->tile->r;
    const int64_t C = s->wide_channels / L;
    for (int64_t i = p.begin; i < p.end; i++)
        s->tile->filter_back(f->dw + i * r * r * L * L, &f->u, i % C * L, i / C);
}

void tn_wino_backward_weights(const tn_wino *s, const tn_call *c)
{
    const weights_part sum = part_at(s, c, 0);
    gradients j = {.s = s, .c = c};
    if (s->weights.own)
        weights_apart(&j);
    else
        weights_together(&j);
    if (c->dw[0])
        tn_each(c->device, tn_wino_blocks(s), 1, transform_some_back,
                &(filters_back){s, c->dw[0], sum.du});
    if (c->dw[1])
        memcpy(c->dw[1], sum.db, (size_t)(s->groups * s->filters) * sizeof(float));
}
