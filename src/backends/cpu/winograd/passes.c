#include "backends/cpu/winograd/passes.h"

#include <omp.h>
#include <string.h>

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

/* A slab from row `row` on. */
static tn_wino_slab row_of(const tn_wino *s, const tn_wino_slab *slab, int64_t row)
{
    tn_wino_slab from = *slab;
    from.data += row * s->code->lanes;
    return from;
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

/* Blocks of columns of a group's M. */
static int64_t columns_of(const tn_wino *s, bool transposed)
{
    return (transposed ? s->wide_channels : s->wide_filters) / s->code->lanes;
}

/* M[q] = V[q] U[q] of a group, in blocks begin .. end - 1 of its columns. */
static void multiply_columns(const tn_wino *s, int64_t tiles, const tn_wino_slab *v,
                             const tn_wino_slab *u, bool transposed, const tn_wino_slab *m,
                             int64_t q, int64_t g, int64_t begin, int64_t end)
{
    const int64_t in = transposed ? s->filters : s->channels, out = columns_of(s, transposed);
    const tn_wino_matrix a = matrix_of(s, v, q, g * in / s->code->lanes);
    const tn_wino_matrix b = matrix_of(s, u, q, g * out + begin);
    const tn_wino_matrix c = matrix_of(s, m, q, g * out + begin);
    s->code->multiply(tiles, in, end - begin, &a, &b, &c);
}

/* The same for all q, groups and columns. */
static void multiply_block(const tn_wino *s, int64_t tiles, const tn_wino_slab *v,
                           const tn_wino_slab *u, bool transposed, const tn_wino_slab *m)
{
    for (int q = 0; q < s->tile->n * s->tile->n; q++)
        for (int64_t g = 0; g < s->groups; g++)
            multiply_columns(s, tiles, v, u, transposed, m, q, g, 0, columns_of(s, transposed));
}

typedef struct images {
    const float *from, *cut; /* cut: y, if a relu cuts gradients off; else NULL */
    float *to;
    tn_wino_end end;
} images;

/* In a parallel region: sums begin with 0. */
static void clear_images(const tn_wino *s, const tn_wino_grid *g, int64_t count, float *to)
{
    const int64_t pixels = g->blocks * g->height * g->width * s->code->lanes;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < count; i++)
        memset(to + i * pixels, 0, (size_t)pixels * sizeof *to);
}

/* In a parallel region: each thread at blocks of its own. */
static void walk_apart(const tn_wino *s, const tn_wino_walk *w, const tn_call *c, const images *i,
                       const tn_wino_slab *u)
{
    const bool transposed = w->order != TN_WINO_AS_IS, add = w->order == TN_WINO_TRANSPOSED;
    const tn_wino_tile *tile = s->tile;
    const size_t mine = (size_t)omp_get_thread_num() * w->each;
    const tn_wino_slab v = slab_at(c, w->v, w->v_at + mine);
    const tn_wino_slab m = slab_at(c, w->m, w->m_at + mine);
#pragma omp for schedule(static)
    for (int64_t begin = 0; begin < w->tiles; begin += w->block) {
        const int64_t end = begin + w->block < w->tiles ? begin + w->block : w->tiles;
        (add ? tile->spread : tile->input)(&w->from, i->from, i->cut, begin, end, &v);
        multiply_block(s, end - begin, &v, u, transposed, &m);
        if (add)
            tile->collect(&w->to, &m, begin, end, i->to);
        else
            tile->output(&w->to, &m, &i->end, begin, end, i->to);
    }
}

/* In a parallel region: all threads at all tiles. */
static void walk_together(const tn_wino *s, const tn_wino_walk *w, const tn_call *c,
                          const images *i, const tn_wino_slab *u)
{
    const bool transposed = w->order != TN_WINO_AS_IS;
    const tn_wino_slab v = slab_at(c, w->v, w->v_at), m = slab_at(c, w->m, w->m_at);
    const int64_t columns = columns_of(s, transposed);
#pragma omp for schedule(static)
    for (int64_t t = 0; t < w->tiles; t++) {
        const tn_wino_slab row = row_of(s, &v, t);
        s->tile->input(&w->from, i->from, i->cut, t, t + 1, &row);
    }
#pragma omp for collapse(3) schedule(static)
    for (int q = 0; q < s->tile->n * s->tile->n; q++)
        for (int64_t g = 0; g < s->groups; g++)
            for (int64_t k = 0; k < columns; k += w->piece)
                multiply_columns(s, w->tiles, &v, u, transposed, &m, q, g, k,
                                 k + w->piece < columns ? k + w->piece : columns);
#pragma omp for schedule(static)
    for (int64_t t = 0; t < w->tiles; t++) {
        const tn_wino_slab row = row_of(s, &m, t);
        s->tile->output(&w->to, &row, &i->end, t, t + 1, i->to);
    }
}

static void walk(const tn_wino *s, const tn_wino_walk *w, const tn_call *c, const images *i)
{
    const bool forward = w->order == TN_WINO_AS_IS;
    tn_wino_slab u = slab_at(c, forward ? s->u : s->u_transposed, s->u_at);
    if (s->keeps)
        u.data = c->kept;
#pragma omp parallel num_threads(c->device->threads)
    {
        if (!s->keeps)
            transform_filters(s, c->w[0], w->order, &u);
        if (w->order == TN_WINO_TRANSPOSED)
            clear_images(s, &w->to, c->node->x[0].dim[0], i->to);
        if (w->together)
            walk_together(s, w, c, i, &u);
        else
            walk_apart(s, w, c, i, &u);
    }
}

void tn_wino_arrange(const tn_wino *s, const tn_call *c)
{
    tn_wino_slab u = s->u;
    u.data = c->kept;
#pragma omp parallel num_threads(c->device->threads)
    transform_filters(s, c->w[0], TN_WINO_AS_IS, &u);
}

void tn_wino_forward(const tn_wino *s, const tn_call *c)
{
    images i = {.from = c->x[0], .to = c->y[0], .end = s->end};
    i.end.bias = tn_cpu_whole_blocks(c->w[1], s->groups * s->filters, s->groups * s->wide_filters,
                                     (float *)(void *)((unsigned char *)c->scratch + s->bias_at));
    i.end.more = s->adds ? c->x[1] : NULL;
    walk(s, &s->forward, c, &i);
}

static void backward_data(const tn_wino *s, const tn_call *c)
{
    walk(s, &s->data, c,
         &(images){.from = c->dy[0], .cut = s->relu ? c->y[0] : NULL, .to = c->dx[0]});
}

/* ---- backward weights --------------------------------------------------------------------- */

/* dU[q] += V[q]' D[q]. */
static void add_products(const tn_wino *s, int64_t q, int64_t g, int64_t rows, int64_t tiles,
                         const tn_wino_slab *v, const tn_wino_slab *d, const tn_wino_slab *du)
{
    const int64_t C = s->wide_channels / s->code->lanes, K = s->wide_filters / s->code->lanes;
    const tn_wino_matrix a = matrix_of(s, v, q, g * C), b = matrix_of(s, d, q, g * K);
    const tn_wino_matrix c = matrix_of(s, du, q, g * K);
    s->code->multiply_turned(rows, tiles, K, &a, &b, &c);
}

/* db += the sums of dz over the tiles, of filters of one block: D at point 1 in both directions. */
static void add_bias(const tn_wino *s, float *db, int64_t block, int64_t tiles,
                     const tn_wino_slab *d)
{
    const int L = s->code->lanes;
    const float *sums = matrix_of(s, d, s->tile->n + 1, block).data;
    for (int64_t t = 0; t < tiles; t++)
        for (int l = 0; l < L; l++)
            db[block * L + l] += sums[t * L + l];
}

/* One thread's part of scratch, or the one of all. */
typedef struct weights_part {
    tn_wino_slab v, d, du;
    float *db;
} weights_part;

static weights_part part_at(const tn_wino *s, const tn_call *c, int number)
{
    const tn_wino_weights *w = &s->weights;
    const size_t at = w->at + (size_t)number * w->each;
    return (weights_part){.v = slab_at(c, w->v, at + w->v_at),
                          .d = slab_at(c, w->d, at + w->d_at),
                          .du = slab_at(c, s->u, at + w->du_at),
                          .db = (float *)(void *)((unsigned char *)c->scratch + at + w->db_at)};
}

/* V and D of tiles begin .. end - 1 at the slabs' row `row`. */
static void make_factors(const tn_wino *s, const tn_call *c, const weights_part *p, int64_t row,
                         int64_t begin, int64_t end)
{
    const tn_wino_slab v = row_of(s, &p->v, row), d = row_of(s, &p->d, row);
    if (c->dw[0])
        s->tile->input(&s->forward.from, c->x[0], NULL, begin, end, &v);
    s->tile->spread(&s->forward.to, c->dy[0], s->relu ? c->y[0] : NULL, begin, end, &d);
}

/* In a parallel region: all threads at one block, of which each has some of the tiles, then some of the
 * products. */
static void weights_together(const tn_wino *s, const tn_call *c)
{
    const weights_part p = part_at(s, c, 0);
    const int64_t tiles = s->forward.tiles, block = s->weights.block;
    const int64_t products = c->dw[0] ? s->tile->n * s->tile->n * s->groups : 0;
#pragma omp for schedule(static)
    for (int64_t q = 0; q < s->tile->n * s->tile->n; q++)
        memset(p.du.data + q * p.du.pitch, 0, (size_t)p.du.pitch * sizeof(float));
#pragma omp single
    memset(p.db, 0, (size_t)(s->groups * s->wide_filters) * sizeof(float));
    for (int64_t begin = 0; begin < tiles; begin += block) {
        const int64_t count = tiles - begin < block ? tiles - begin : block;
#pragma omp for schedule(static)
        for (int64_t t = 0; t < count; t++)
            make_factors(s, c, &p, t, begin + t, begin + t + 1);
#pragma omp for schedule(static)
        for (int64_t k = 0; k < s->forward.to.blocks; k++)
            add_bias(s, p.db, k, count, &p.d);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < products; i++)
            add_products(s, i / s->groups, i % s->groups, s->wide_channels, count, &p.v, &p.d,
                         &p.du);
    }
}

/* dx of the tiles whose D there is; V's place is M's now. */
static void collect_data(const tn_wino *s, const tn_call *c, const weights_part *p,
                         const tn_wino_slab *u, int64_t begin, int64_t end)
{
    multiply_block(s, end - begin, &p->d, u, true, &p->v);
    s->tile->collect(&s->data.to, &p->v, begin, end, c->dx[0]);
}

/* In a parallel region: each thread blocks, dU and db of its own, which are added up at the end. D is at
 * hand: dx may be made of it too. */
static void weights_apart(const tn_wino *s, const tn_call *c)
{
    const tn_wino_weights *w = &s->weights;
    const weights_part p = part_at(s, c, omp_get_thread_num()), sum = part_at(s, c, 0);
    const tn_wino_slab u = slab_at(c, s->u_transposed, s->u_at);
    const int64_t tiles = s->forward.tiles, floats = s->tile->n * s->tile->n * s->u.pitch;
    const int64_t rows = (s->channels + 7) / 8 * 8; /* those that fill the last block stay 0 */
    if (w->data) {
        transform_filters(s, c->w[0], TN_WINO_TRANSPOSED, &u);
        clear_images(s, &s->data.to, c->node->x[0].dim[0], c->dx[0]);
    }
    memset(p.du.data, 0, (size_t)floats * sizeof(float));
    memset(p.db, 0, (size_t)(s->groups * s->wide_filters) * sizeof(float));
#pragma omp for schedule(static)
    for (int64_t begin = 0; begin < tiles; begin += w->block) {
        const int64_t end = begin + w->block < tiles ? begin + w->block : tiles;
        make_factors(s, c, &p, 0, begin, end);
        for (int64_t k = 0; k < s->forward.to.blocks; k++)
            add_bias(s, p.db, k, end - begin, &p.d);
        for (int64_t q = 0; c->dw[0] && q < s->tile->n * s->tile->n; q++)
            for (int64_t g = 0; g < s->groups; g++)
                add_products(s, q, g, rows, end - begin, &p.v, &p.d, &p.du);
        if (w->data)
            collect_data(s, c, &p, &u, begin, end);
    }
    for (int other = 1; other < omp_get_num_threads(); other++) {
        const weights_part q = part_at(s, c, other);
#pragma omp for simd schedule(static) nowait
        for (int64_t i = 0; i < floats; i++)
            sum.du.data[i] += q.du.data[i];
#pragma omp for schedule(static)
        for (int64_t k = 0; k < s->groups * s->filters; k++)
            sum.db[k] += q.db[k];
    }
}

static void backward_weights(const tn_wino *s, const tn_call *c)
{
    const weights_part sum = part_at(s, c, 0);
#pragma omp parallel num_threads(c->device->threads)
    {
        if (s->weights.own)
            weights_apart(s, c);
        else
            weights_together(s, c);
        if (c->dw[0])
            transform_filters_back(s, c->dw[0], &sum.du);
    }
    if (c->dw[1])
        memcpy(c->dw[1], sum.db, (size_t)(s->groups * s->filters) * sizeof(float));
}

void tn_wino_backward(const tn_wino *s, const tn_call *c)
{
    if (c->dw[0] || c->dw[1])
        backward_weights(s, c);
    if (c->dx[0] && !s->weights.data)
        backward_data(s, c);
}
