/* The backward pass of direct.h. */
#include <string.h>

#include "backends/cpu/direct/direct.h"

enum { TURNS = 8, /* blocks of weights, a piece of work */ };

static int64_t weight_floats(const tn_direct *s)
{
    return s->dy.blocks * s->channel_blocks * s->taps * s->code->lanes * s->code->lanes;
}

/* dy where the relu behind let y through. */
static void through_relu(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *y = c->y[0], *dy = c->dy[0];
    float *dz = tn_direct_scratch(c, ((const tn_direct *)c->state)->dz);
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float through = dy[i]; /* read whatever y is, so that nothing branches */
        dz[i] = y[i] > 0 ? through : 0;
    }
}

static const float *dz_of(const tn_direct *s, const tn_call *c)
{
    return s->relu ? tn_direct_scratch(c, s->dz) : c->dy[0];
}

/* ---- dx ------------------------------------------------------------------------------------- */

/* [K/L][C/L][taps][c][k] to [C/L][K/L][taps][k][c], of each group. */
static void turn_weights(const void *of, tn_piece blocks)
{
    const tn_call *c = of;
    const tn_direct *s = c->state;
    const int64_t C = s->channel_blocks, K = s->filter_blocks, T = s->taps;
    const int64_t block = s->code->lanes * s->code->lanes;
    float *turned = tn_direct_scratch(c, s->turned);
    for (int64_t i = blocks.begin; i < blocks.end; i++) {
        const int64_t k = i / T / C % K, group = i / T / C / K, in = i / T % C;
        s->code->turn((const float *)c->w[0] + i * block,
                      turned + (((group * C + in) * K + k) * T + i % T) * block);
    }
}

/* Pixels of dx whose place by the stride has the remainder `at`: their taps over dy. */
static int64_t taps_at(const tn_direct *s, const int64_t at[2], tn_direct_tap *tap)
{
    const int64_t lanes = s->code->lanes;
    int64_t count = 0;
    for (int64_t i = 0; i < s->taps; i++) {
        const int64_t down = at[0] + s->pad[0] - i / s->kernel[1] * s->dilation[0],
                      across = at[1] + s->pad[1] - i % s->kernel[1] * s->dilation[1];
        if (down % s->stride[0] == 0 && across % s->stride[1] == 0)
            tap[count++] =
                (tn_direct_tap){.x = (down / s->stride[0] + s->dy.before[0]) * s->dy.line +
                                     (across / s->stride[1] + s->dy.before[1]) * lanes,
                                .w = i * lanes * lanes};
    }
    return count;
}

/* The pixels of one remainder in a chunk's row `row`; of all, row stride + at[0] is its number. */
typedef struct remainder {
    int64_t at[2], size[2]; /* size: rows and pixels of an image that have it */
    tn_direct_tap *tap;
    int64_t taps;
} remainder;

static void data_row(const tn_direct *s, const tn_call *c, const remainder *of,
                     const tn_direct_pair *pair, int64_t image, int64_t row, const float *dy,
                     int64_t dy_block)
{
    const int64_t lanes = s->code->lanes, plane = s->in[0] * s->in[1] * lanes;
    const int64_t next = s->taps * lanes * lanes, channel = s->filter_blocks * next;
    const int64_t at =
        s->flat ? row * s->dx.size[1] : (row * s->stride[0] + of->at[0]) * s->in[1] + of->at[1];
    const bool last = s->flat && row + 1 == s->dx.size[0];
    s->code->multiply(&(tn_direct_row){
        .pixels = last ? s->dx.last : of->size[1],
        .channels = s->filters,
        .blocks = pair->count,
        .x = dy,
        .x_step = lanes,
        .x_block = dy_block,
        .tap = of->tap,
        .taps = of->taps,
        .w = tn_direct_scratch(c, s->turned) + pair->block * channel,
        .w_next = next,
        .w_block = channel,
        .y = (float *)c->dx[0] + (image * s->x.blocks + pair->block) * plane + at * lanes,
        .y_step = s->stride[1] * lanes,
        .y_block = plane});
}

/* Pairs of blocks of a chunk. */
static void data_of_remainder(const tn_direct *s, const tn_call *c, const remainder *of,
                              const tn_direct_chunk *k, const tn_direct_view *dy, tn_piece pairs)
{
    for (int64_t p = pairs.begin; p < pairs.end; p++) {
        const tn_direct_pair pair = tn_direct_pair_at(s->channel_blocks, p);
        const float *from = dy->data + pair.group * s->filter_blocks * dy->block;
        for (int64_t n = k->begin; n < k->end; n++)
            for (int64_t r = 0; r < k->rows && k->first + r < of->size[0]; r++)
                data_row(s, c, of, &pair, n, k->first + r,
                         from + (n - k->begin) * dy->image + r * dy->row, dy->block);
    }
}

static void data_items(const void *of, tn_piece items)
{
    const tn_call *c = of;
    const tn_direct *s = c->state;
    float *band = tn_direct_room(s, c, items.thread, s->band);
    remainder m = {.tap = tn_direct_room(s, c, items.thread, s->tap)};
    for (int64_t i = items.begin; i < items.end; i++) {
        const tn_direct_chunk k = tn_direct_chunk_at(&s->dx, s->images, i / s->dx.ranges);
        const tn_direct_view dy = tn_direct_view_of(s, &s->dy, &s->dx, dz_of(s, c), &k, band);
        const tn_piece pairs =
            tn_part(tn_direct_pairs(s, s->channel_blocks), s->dx.ranges, i % s->dx.ranges);
        for (m.at[0] = 0; m.at[0] < s->stride[0]; m.at[0]++)
            for (m.at[1] = 0; m.at[1] < s->stride[1]; m.at[1]++) {
                for (int d = 0; d < 2; d++)
                    m.size[d] = s->flat ? s->dx.size[d]
                                        : (s->in[d] - m.at[d] + s->stride[d] - 1) / s->stride[d];
                m.taps = taps_at(s, m.at, m.tap);
                if (m.size[1] > 0)
                    data_of_remainder(s, c, &m, &k, &dy, pairs);
            }
    }
}

/* ---- dw ------------------------------------------------------------------------------------- */

/* Where sums go, of which some pairs of blocks of filters; dw or db may be NULL. */
typedef struct sums {
    float *dw, *db;
    tn_piece pairs;
    const tn_direct_tap *tap;
} sums;

static void sums_of_chunk(const tn_direct *s, const tn_call *c, const sums *to,
                          const tn_direct_chunk *k, float *band)
{
    const int64_t lanes = s->code->lanes, plane = s->out[0] * s->out[1] * lanes;
    const int64_t next = s->taps * lanes * lanes, filter = s->channel_blocks * next;
    const int64_t width = s->flat && k->first + 1 == s->y.size[0] ? s->y.last : s->y.size[1];
    tn_direct_view x = {.data = NULL};
    if (to->dw)
        x = tn_direct_view_of(s, &s->x, &s->y, c->x[0], k, band);
    for (int64_t p = to->pairs.begin; p < to->pairs.end; p++) {
        const tn_direct_pair pair = tn_direct_pair_at(s->filter_blocks, p);
        const float *from = x.data + pair.group * s->channel_blocks * x.block,
                    *dy = dz_of(s, c) + (k->begin * s->dy.blocks + pair.block) * plane +
                          k->first * s->y.size[1] * lanes;
        for (int64_t n = 0; n < k->end - k->begin; n++, dy += s->dy.blocks * plane) {
            for (int64_t t = 0; to->dw && t < s->taps; t++)
                s->code->add_sums(
                    &(tn_direct_sums){.rows = k->rows,
                                      .pixels = width,
                                      .blocks_of_x = s->channel_blocks,
                                      .blocks = pair.count,
                                      .x = from + n * x.image + to->tap[t].x,
                                      .x_step = s->x.step[1] * lanes,
                                      .x_row = x.row,
                                      .x_block = x.block,
                                      .dy = dy,
                                      .dy_block = plane,
                                      .dw = to->dw + pair.block * filter + t * lanes * lanes,
                                      .dw_next = next,
                                      .dw_block = filter});
            for (int b = 0; to->db && b < pair.count; b++)
                s->code->add_bias(dy + b * plane, k->rows * width,
                                  to->db + (pair.block + b) * lanes);
        }
    }
}

/* All blocks of these pairs begin with 0. */
static void clear(const tn_direct *s, const sums *to)
{
    const int64_t lanes = s->code->lanes, filter = s->channel_blocks * s->taps * lanes * lanes;
    for (int64_t p = to->pairs.begin; p < to->pairs.end; p++) {
        const tn_direct_pair pair = tn_direct_pair_at(s->filter_blocks, p);
        if (to->dw)
            memset(to->dw + pair.block * filter, 0, (size_t)(pair.count * filter) * sizeof *to->dw);
        if (to->db)
            memset(to->db + pair.block * lanes, 0, (size_t)(pair.count * lanes) * sizeof *to->db);
    }
}

static void sums_items(const void *of, tn_piece items)
{
    const tn_call *c = of;
    const tn_direct *s = c->state;
    tn_direct_tap *tap = tn_direct_room(s, c, items.thread, s->tap);
    float *band = tn_direct_room(s, c, items.thread, s->band);
    tn_direct_taps(s, tap);
    for (int64_t i = items.begin; i < items.end; i++) {
        const int64_t part = i / s->ranges, wide = s->dy.blocks * s->code->lanes;
        const tn_piece images = tn_part(s->images, s->parts, part);
        sums to = {.pairs = tn_part(tn_direct_pairs(s, s->filter_blocks), s->ranges, i % s->ranges),
                   .tap = tap};
        if (c->dw[0])
            to.dw = s->parts > 1 ? tn_direct_scratch(c, s->dw) + part * weight_floats(s) : c->dw[0];
        if (c->dw[1])
            to.db = tn_direct_scratch(c, s->db) + part * wide;
        clear(s, &to);
        for (int64_t n = images.begin; n < images.end; n += s->y.images)
            for (int64_t r = 0; r < s->y.per_image; r++) {
                tn_direct_chunk k = tn_direct_chunk_at(&s->y, s->images, r);
                k.begin = n;
                k.end = tn_cpu_lower(n + s->y.images, images.end);
                sums_of_chunk(s, c, &to, &k, band);
            }
    }
}

/* dw of all parts, one after the other. */
static void add_up(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_direct *s = c->state;
    const float *from = tn_direct_scratch(c, s->dw);
    float *to = c->dw[0];
    memcpy(to + p.begin, from + p.begin, (size_t)(p.end - p.begin) * sizeof *to);
    for (int64_t part = 1; part < s->parts; part++) {
        from += weight_floats(s);
#pragma omp simd
        for (int64_t i = p.begin; i < p.end; i++)
            to[i] += from[i];
    }
}

static void add_up_bias(const tn_direct *s, const tn_call *c)
{
    const int64_t K = s->groups * s->filters, wide = s->dy.blocks * s->code->lanes;
    const float *from = tn_direct_scratch(c, s->db);
    float *to = c->dw[1];
    memcpy(to, from, (size_t)K * sizeof *to);
    for (int64_t part = 1; part < s->parts; part++)
        for (int64_t i = 0; i < K; i++)
            to[i] += from[part * wide + i];
}

tn_status tn_direct_backward(const tn_call *c)
{
    const tn_direct *s = c->state;
    const tn_backend_device *d = c->device;
    const int64_t lanes = s->code->lanes,
                  y = s->images * s->dy.blocks * s->out[0] * s->out[1] * lanes;
    if (s->relu)
        tn_each(d, y, TN_FLOATS, through_relu, c);
    if (c->dw[0] || c->dw[1])
        tn_each(d, s->parts * s->ranges, 1, sums_items, c);
    if (c->dw[0] && s->parts > 1)
        tn_each(d, weight_floats(s), TN_FLOATS, add_up, c);
    if (c->dw[1])
        add_up_bias(s, c);
    if (!c->dx[0])
        return TN_OK;
    tn_each(d, weight_floats(s) / (lanes * lanes), TURNS, turn_weights, c);
    tn_each(d, s->dx.chunks * s->dx.ranges, 1, data_items, c);
    return TN_OK;
}
