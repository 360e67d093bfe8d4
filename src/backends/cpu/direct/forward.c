/* The forward pass of direct.h, and what the passes have in common. */
#include <string.h>

#include "backends/cpu/direct/direct.h"

float *tn_direct_scratch(const tn_call *c, size_t at)
{
    return (float *)(void *)((unsigned char *)c->scratch + at);
}

void *tn_direct_room(const tn_direct *s, const tn_call *c, int thread, size_t at)
{
    return (unsigned char *)c->scratch + s->threads + (size_t)thread * s->each + at;
}

tn_direct_chunk tn_direct_chunk_at(const tn_direct_cut *cut, int64_t images, int64_t number)
{
    const int64_t begin = number / cut->per_image * cut->images,
                  first = number % cut->per_image * cut->rows;
    return (tn_direct_chunk){.begin = begin,
                             .end = tn_cpu_lower(begin + cut->images, images),
                             .first = first,
                             .rows = tn_cpu_lower(cut->rows, cut->size[0] - first)};
}

tn_direct_pair tn_direct_pair_at(int64_t blocks, int64_t number)
{
    const int64_t pairs = (blocks + TN_DIRECT_WIDE - 1) / TN_DIRECT_WIDE, group = number / pairs,
                  first = number % pairs * TN_DIRECT_WIDE;
    return (tn_direct_pair){.group = group,
                            .block = group * blocks + first,
                            .count = (int)tn_cpu_lower(TN_DIRECT_WIDE, blocks - first)};
}

/* A row of the band, which begins at column `first` of the image's; NULL: all of it lies beside the image. */
static void fill_line(const tn_direct *s, const tn_direct_side *x, const float *row, int64_t first,
                      float *to)
{
    const int64_t lanes = s->code->lanes, width = x->line / lanes;
    int64_t begin = row ? (first < 0 ? -first : 0) : width,
            end = x->size[1] - first < width ? x->size[1] - first : width;
    begin = begin > width ? width : begin;
    end = end < begin ? begin : end;
    memset(to, 0, (size_t)(begin * lanes) * sizeof *to);
    if (end > begin)
        memcpy(to + begin * lanes, row + (first + begin) * lanes,
               (size_t)((end - begin) * lanes) * sizeof *to);
    memset(to + end * lanes, 0, (size_t)((width - end) * lanes) * sizeof *to);
}

tn_direct_view tn_direct_view_of(const tn_direct *s, const tn_direct_side *x,
                                 const tn_direct_cut *cut, const float *from,
                                 const tn_direct_chunk *k, float *band)
{
    const int64_t lanes = s->code->lanes,
                  pixels = x == &s->x ? s->in[0] * s->in[1] : s->out[0] * s->out[1];
    const int64_t plane = pixels * lanes, row = x->step[0] * x->line;
    (void)cut;
    if (!x->padded)
        return (tn_direct_view){from + k->begin * x->blocks * plane + k->first * row, plane, row,
                                x->blocks * plane};
    const int64_t rows = (k->rows - 1) * x->step[0] + x->wide[0],
                  above = k->first * x->step[0] - x->before[0];
    float *to = band;
    for (int64_t i = k->begin * x->blocks; i < k->end * x->blocks; i++)
        for (int64_t r = above; r < above + rows; r++, to += x->line)
            fill_line(s, x,
                      r < 0 || r >= x->size[0] ? NULL : from + i * plane + r * x->size[1] * lanes,
                      -x->before[1], to);
    return (tn_direct_view){band, rows * x->line, row, x->blocks * rows * x->line};
}

void tn_direct_taps(const tn_direct *s, tn_direct_tap *tap)
{
    const int64_t lanes = s->code->lanes;
    for (int64_t i = 0; i < s->taps; i++)
        tap[i] = (tn_direct_tap){.x = i / s->kernel[1] * s->dilation[0] * s->x.line +
                                      i % s->kernel[1] * s->dilation[1] * lanes,
                                 .w = i * lanes * lanes};
}

typedef struct job {
    const tn_direct *s;
    const tn_call *c;
    const float *bias;
} job;

/* Row `row` of image `image` in a pair of blocks, from its x. */
static void forward_row(const job *j, const tn_direct_pair *pair, int64_t image, int64_t row,
                        const float *x, int64_t x_block, const tn_direct_tap *tap)
{
    const tn_direct *s = j->s;
    const int64_t lanes = s->code->lanes, plane = s->out[0] * s->out[1] * lanes;
    const int64_t next = s->taps * lanes * lanes, filter = s->channel_blocks * next;
    const int64_t at = (image * s->dy.blocks + pair->block) * plane + row * s->y.size[1] * lanes;
    const float *more = j->c->x[1];
    s->code->multiply(&(tn_direct_row){.pixels = row + 1 == s->y.size[0] ? s->y.last : s->y.size[1],
                                       .channels = s->channels,
                                       .blocks = pair->count,
                                       .x = x,
                                       .x_step = s->x.step[1] * lanes,
                                       .x_block = x_block,
                                       .tap = tap,
                                       .taps = s->taps,
                                       .w = (const float *)j->c->w[0] + pair->block * filter,
                                       .w_next = next,
                                       .w_block = filter,
                                       .y = (float *)j->c->y[0] + at,
                                       .y_step = lanes,
                                       .y_block = plane,
                                       .bias = j->bias ? j->bias + pair->block * lanes : NULL,
                                       .more = more ? more + at : NULL,
                                       .holds = s->holds,
                                       .low = s->low,
                                       .high = s->high});
}

static void forward_items(const void *of, tn_piece items)
{
    const job *j = of;
    const tn_direct *s = j->s;
    tn_direct_tap *tap = tn_direct_room(s, j->c, items.thread, s->tap);
    float *band = tn_direct_room(s, j->c, items.thread, s->band);
    tn_direct_taps(s, tap);
    for (int64_t i = items.begin; i < items.end; i++) {
        const tn_direct_chunk k = tn_direct_chunk_at(&s->y, s->images, i / s->y.ranges);
        const tn_direct_view x = tn_direct_view_of(s, &s->x, &s->y, j->c->x[0], &k, band);
        const tn_piece pairs =
            tn_part(tn_direct_pairs(s, s->filter_blocks), s->y.ranges, i % s->y.ranges);
        for (int64_t p = pairs.begin; p < pairs.end; p++) {
            const tn_direct_pair pair = tn_direct_pair_at(s->filter_blocks, p);
            const float *from = x.data + pair.group * s->channel_blocks * x.block;
            for (int64_t n = k.begin; n < k.end; n++)
                for (int64_t r = 0; r < k.rows; r++)
                    forward_row(j, &pair, n, k.first + r,
                                from + (n - k.begin) * x.image + r * x.row, x.block, tap);
        }
    }
}

tn_status tn_direct_forward(const tn_call *c)
{
    const tn_direct *s = c->state;
    const int64_t K = s->groups * s->filters, wide = s->dy.blocks * s->code->lanes;
    const float *bias = tn_cpu_whole_blocks(c->w[1], K, wide, tn_direct_scratch(c, s->bias));
    tn_each(c->device, s->y.chunks * s->y.ranges, 1, forward_items, &(job){s, c, bias});
    return TN_OK;
}
