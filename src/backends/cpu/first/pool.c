/* Backward through conv2d of few channels and the maximum of 2 x 2 behind it, in one; see first/first.h. */
#include "backends/cpu/first/state.h"

void tn_few_add_pooled_band(const tn_few_state *s, const tn_call *c, int64_t n, int64_t p, int part)
{
    const tn_few *f = &s->size;
    const int lanes = s->code->lanes;
    const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), row = f->out[1] * lanes;
    const int64_t filter = f->C * f->kernel[0] * TN_FEW_POOLED_WIDTH;
    const float *dy = c->dy[0];
    const uint8_t *taps = c->saved;
    float *band = tn_few_part(s, c, part, s->band), *dw = tn_few_part(s, c, part, s->dw),
          *db = tn_few_part(s, c, part, s->db);
    if (c->dw[0])
        tn_few_copy_band(f, c->x[0], n, 2 * p, 2 * rows, band);
    for (int64_t k = 0; k < f->K; k++) {
        const int64_t at = (n * f->K + k) * f->out[0] * row + p * row;
        s->code->weights_pooled(
            f, band, rows, dy + at, taps + at, tn_cpu_lower(lanes, s->filters - k * lanes),
            tn_few_part(s, c, part, s->where), tn_few_part(s, c, part, s->dz),
            c->dw[0] ? dw + k * lanes * filter : NULL, c->dw[1] ? db + k * lanes : NULL);
    }
}

typedef struct sum {
    const tn_few_state *s;
    const tn_call *c;
    float *to;
} sum;

static void add_up(const void *of, tn_piece filters)
{
    const sum *j = of;
    const tn_few_state *s = j->s;
    const tn_few *f = &s->size;
    const int threads = j->c->device->threads, lanes = s->code->lanes;
    const int64_t R = f->kernel[0], S = f->kernel[1];
    for (int64_t k = filters.begin; k < filters.end; k++)
        for (int64_t i = 0; i < f->C * R; i++)
            for (int64_t tap = 0; tap < S; tap++) {
                const int64_t row = k / lanes * R + i % R;
                float all = 0;
                for (int t = 0; t < threads && k < s->filters; t++)
                    all += ((const float *)tn_few_part(
                        s, j->c, t, s->dw))[(k * f->C * R + i) * TN_FEW_POOLED_WIDTH + tap];
                j->to[((row * S + tap) * f->C + i / R) * lanes + k % lanes] = all;
            }
}

void tn_few_add_up_pooled(const tn_few_state *s, const tn_call *c, float *to)
{
    tn_each(c->device, s->size.K * s->code->lanes, 8, add_up, &(sum){s, c, to});
}
