/* Backward through conv2d of few channels and the maximum of 2 x 2 behind it, in one; see first/first.h. */
#include <omp.h>

#include "backends/cpu/first/state.h"

void tn_few_add_pooled_band(const tn_few_state *s, const tn_call *c, int64_t n, int64_t p)
{
    const tn_few *f = &s->size;
    const int thread = omp_get_thread_num(), lanes = s->code->lanes;
    const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), row = f->out[1] * lanes;
    const int64_t filter = f->C * f->kernel[0] * TN_FEW_POOLED_WIDTH;
    const float *dy = c->dy[0];
    const uint8_t *taps = c->saved;
    float *band = tn_few_part(s, c, thread, s->band), *dw = tn_few_part(s, c, thread, s->dw),
          *db = tn_few_part(s, c, thread, s->db);
    if (c->dw[0])
        tn_few_copy_band(f, c->x[0], n, 2 * p, 2 * rows, band);
    for (int64_t k = 0; k < f->K; k++) {
        const int64_t at = (n * f->K + k) * f->out[0] * row + p * row;
        s->code->weights_pooled(
            f, band, rows, dy + at, taps + at, tn_cpu_lower(lanes, s->filters - k * lanes),
            tn_few_part(s, c, thread, s->where), tn_few_part(s, c, thread, s->dz),
            c->dw[0] ? dw + k * lanes * filter : NULL, c->dw[1] ? db + k * lanes : NULL);
    }
}

void tn_few_add_up_pooled(const tn_few_state *s, const tn_call *c, float *to)
{
    const tn_few *f = &s->size;
    const int threads = omp_get_num_threads(), lanes = s->code->lanes;
    const int64_t R = f->kernel[0], S = f->kernel[1];
#pragma omp for collapse(2) schedule(static) nowait
    for (int64_t k = 0; k < f->K * lanes; k++)
        for (int64_t i = 0; i < f->C * R; i++)
            for (int64_t tap = 0; tap < S; tap++) {
                float sum = 0;
                for (int t = 0; t < threads && k < s->filters; t++)
                    sum += ((const float *)tn_few_part(
                        s, c, t, s->dw))[(k * f->C * R + i) * TN_FEW_POOLED_WIDTH + tap];
                to[(((k / lanes * R + i % R) * S + tap) * f->C + i / R) * lanes + k % lanes] = sum;
            }
}
