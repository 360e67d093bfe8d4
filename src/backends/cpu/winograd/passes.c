#include <string.h>

#include "backends/cpu/winograd/parts.h"

tn_wino_slab tn_wino_slab_at(const tn_call *c, tn_wino_slab slab, size_t at)
{
    slab.data = (float *)(void *)((unsigned char *)c->scratch + at);
    return slab;
}

/* Matrix q of a slab, from block number `block` on. */
tn_wino_matrix tn_wino_matrix_of(const tn_wino *s, const tn_wino_slab *slab, int64_t q,
                                 int64_t block)
{
    return (tn_wino_matrix){slab->data + q * slab->pitch + block * slab->rows * s->code->lanes,
                            slab->rows};
}

/* A slab from row `row` on. */
tn_wino_slab tn_wino_row_of(const tn_wino *s, const tn_wino_slab *slab, int64_t row)
{
    tn_wino_slab from = *slab;
    from.data += row * s->code->lanes;
    return from;
}

typedef struct filters {
    const tn_wino *s;
    const float *w;
    tn_wino_order order;
    tn_wino_slab u;
} filters;

/* Blocks of filters times blocks of channels. */
int64_t tn_wino_blocks(const tn_wino *s)
{
    const int L = s->code->lanes;
    return s->groups * (s->wide_filters / L) * (s->wide_channels / L);
}

static void transform_some(const void *of, tn_piece p)
{
    const filters *f = of;
    const tn_wino *s = f->s;
    const bool transposed = f->order != TN_WINO_AS_IS;
    const int L = s->code->lanes, r = s->tile->r;
    const int64_t C = s->wide_channels / L, K = s->wide_filters / L;
    for (int64_t i = p.begin; i < p.end; i++) {
        const int64_t k = i / C, c = i % C;
        s->tile->filter(f->w + i * r * r * L * L, f->order, &f->u, (transposed ? k % K : c) * L,
                        transposed ? k / K * C + c : k);
    }
}

/* All filters to U. */
void tn_wino_transform(const tn_wino *s, const tn_call *c, tn_wino_order order,
                       const tn_wino_slab *u)
{
    tn_each(c->device, tn_wino_blocks(s), 1, transform_some,
            &(filters){.s = s, .w = c->w[0], .order = order, .u = *u});
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
    const tn_wino_matrix a = tn_wino_matrix_of(s, v, q, g * in / s->code->lanes);
    const tn_wino_matrix b = tn_wino_matrix_of(s, u, q, g * out + begin);
    const tn_wino_matrix c = tn_wino_matrix_of(s, m, q, g * out + begin);
    s->code->multiply(tiles, in, end - begin, &a, &b, &c);
}

/* The same for all q, groups and columns. */
void tn_wino_multiply(const tn_wino *s, int64_t tiles, const tn_wino_slab *v, const tn_wino_slab *u,
                      bool transposed, const tn_wino_slab *m)
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

typedef struct clearing {
    float *to;
    int64_t pixels;
} clearing;

static void clear_some(const void *of, tn_piece p)
{
    const clearing *j = of;
    memset(j->to + p.begin * j->pixels, 0, (size_t)((p.end - p.begin) * j->pixels) * sizeof *j->to);
}

/* Sums begin with 0. */
void tn_wino_clear(const tn_wino *s, const tn_wino_grid *g, const tn_call *c, float *to)
{
    const int64_t pixels = g->blocks * g->height * g->width * s->code->lanes;
    tn_each(c->device, c->node->x[0].dim[0], 1, clear_some, &(clearing){to, pixels});
}

typedef struct walking {
    const tn_wino *s;
    const tn_wino_walk *w;
    const tn_call *c;
    const images *i;
    tn_wino_slab u, v, m; /* v and m: all threads' */
} walking;

/* Each thread at blocks of its own. */
static void walk_apart(const void *of, tn_piece blocks)
{
    const walking *j = of;
    const tn_wino *s = j->s;
    const tn_wino_walk *w = j->w;
    const images *i = j->i;
    const bool transposed = w->order != TN_WINO_AS_IS, add = w->order == TN_WINO_TRANSPOSED;
    const tn_wino_tile *tile = s->tile;
    const size_t mine = (size_t)blocks.thread * w->each;
    const tn_wino_slab v = tn_wino_slab_at(j->c, w->v, w->v_at + mine);
    const tn_wino_slab m = tn_wino_slab_at(j->c, w->m, w->m_at + mine);
    for (int64_t k = blocks.begin; k < blocks.end; k++) {
        const int64_t begin = k * w->block, end = tn_cpu_lower(begin + w->block, w->tiles);
        (add ? tile->spread : tile->input)(&w->from, i->from, i->cut, begin, end, &v);
        tn_wino_multiply(s, end - begin, &v, &j->u, transposed, &m);
        if (add)
            tile->collect(&w->to, &m, begin, end, i->to);
        else
            tile->output(&w->to, &m, &i->end, begin, end, i->to);
    }
}

static void tiles_in(const void *of, tn_piece p)
{
    const walking *j = of;
    for (int64_t t = p.begin; t < p.end; t++) {
        const tn_wino_slab row = tn_wino_row_of(j->s, &j->v, t);
        j->s->tile->input(&j->w->from, j->i->from, j->i->cut, t, t + 1, &row);
    }
}

/* Pieces of a product's columns. */
static int64_t pieces_of(const walking *j)
{
    return (columns_of(j->s, j->w->order != TN_WINO_AS_IS) + j->w->piece - 1) / j->w->piece;
}

static void multiply_some(const void *of, tn_piece p)
{
    const walking *j = of;
    const tn_wino *s = j->s;
    const bool transposed = j->w->order != TN_WINO_AS_IS;
    const int64_t columns = columns_of(s, transposed), pieces = pieces_of(j);
    for (int64_t i = p.begin; i < p.end; i++) {
        const int64_t k = i % pieces * j->w->piece, g = i / pieces % s->groups;
        multiply_columns(s, j->w->tiles, &j->v, &j->u, transposed, &j->m, i / pieces / s->groups, g,
                         k, tn_cpu_lower(k + j->w->piece, columns));
    }
}

static void tiles_out(const void *of, tn_piece p)
{
    const walking *j = of;
    for (int64_t t = p.begin; t < p.end; t++) {
        const tn_wino_slab row = tn_wino_row_of(j->s, &j->m, t);
        j->s->tile->output(&j->w->to, &row, &j->i->end, t, t + 1, j->i->to);
    }
}

/* All threads at all tiles. */
static void walk_together(const walking *j)
{
    const tn_backend_device *d = j->c->device;
    tn_each(d, j->w->tiles, 1, tiles_in, j);
    tn_each(d, (int64_t)j->s->tile->n * j->s->tile->n * j->s->groups * pieces_of(j), 1,
            multiply_some, j);
    tn_each(d, j->w->tiles, 1, tiles_out, j);
}

static void walk(const tn_wino *s, const tn_wino_walk *w, const tn_call *c, const images *i)
{
    const bool forward = w->order == TN_WINO_AS_IS;
    walking j = {.s = s,
                 .w = w,
                 .c = c,
                 .i = i,
                 .u = tn_wino_slab_at(c, forward ? s->u : s->u_transposed, s->u_at),
                 .v = tn_wino_slab_at(c, w->v, w->v_at),
                 .m = tn_wino_slab_at(c, w->m, w->m_at)};
    if (s->keeps)
        j.u.data = c->kept;
    else
        tn_wino_transform(s, c, w->order, &j.u);
    if (w->order == TN_WINO_TRANSPOSED)
        tn_wino_clear(s, &w->to, c, i->to);
    if (w->together)
        walk_together(&j);
    else
        tn_each(c->device, (w->tiles + w->block - 1) / w->block, 1, walk_apart, &j);
}

void tn_wino_arrange(const tn_wino *s, const tn_call *c)
{
    tn_wino_slab u = s->u;
    u.data = c->kept;
    tn_wino_transform(s, c, TN_WINO_AS_IS, &u);
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

void tn_wino_backward(const tn_wino *s, const tn_call *c)
{
    if (c->dw[0] || c->dw[1])
        tn_wino_backward_weights(s, c);
    if (c->dx[0] && !s->weights.data)
        backward_data(s, c);
}
