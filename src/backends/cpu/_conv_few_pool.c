/* conv2d of few channels and the maximum of 2 x 2 behind it, in one; see _conv_few.h. Saved: the taps. */
#include <omp.h>

#include "backends/cpu/_conv_few_state.h"

tn_status tn_few_forward_pooled(const tn_call *c)
{
    const tn_few_state *s = c->state;
    const tn_few *f = &s->size;
    const int64_t row = f->out[1] * s->code->lanes, image = f->K * f->out[0] * row;
    const float *bias =
        tn_cpu_whole_blocks(c->w[1], s->filters, f->K * s->code->lanes, tn_few_scratch(c, s->bias));
    const float *x = c->x[0];
    float *y = c->y[0];
    uint8_t *taps = c->run->training ? c->saved : NULL;
#pragma omp parallel for collapse(2) num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < s->images; n++)
        for (int64_t p = 0; p < f->out[0]; p += f->rows) {
            const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), at = n * image + p * row;
            float *band = tn_few_part(s, c, omp_get_thread_num(), s->band);
            tn_few_copy_band(f, x, n, 2 * p, 2 * rows, band);
            s->code->forward_pooled(f, band, rows, c->w[0], bias, y + at, taps ? taps + at : NULL);
        }
    return TN_OK;
}

/* In a parallel region: rows p and on of image n, to this thread's dw and db. */
static void add_band(const tn_few_state *s, const tn_call *c, int64_t n, int64_t p)
{
    const tn_few *f = &s->size;
    const int thread = omp_get_thread_num(), lanes = s->code->lanes;
    const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), row = f->out[1] * lanes;
    const int64_t filter = f->C * f->kernel[0] * TN_FEW_POOLED_WIDTH;
    const float *dy = c->dy;
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

/* In a parallel region: what the threads have of dw, laid out as w is; what fills its last block is 0. */
static void add_up_weights(const tn_few_state *s, const tn_call *c, float *to)
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

tn_status tn_few_backward_pooled(const tn_call *c)
{
    const tn_few_state *s = c->state;
    const tn_few *f = &s->size;
    const int lanes = s->code->lanes;
    float *db = c->dw[1];
#pragma omp parallel num_threads(c->device->threads)
    {
        const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        memset(tn_few_part(s, c, thread, s->dw), 0,
               (size_t)(f->K * lanes * f->C * f->kernel[0] * TN_FEW_POOLED_WIDTH) * sizeof(float));
        memset(tn_few_part(s, c, thread, s->db), 0, (size_t)(f->K * lanes) * sizeof(float));
#pragma omp for collapse(2) schedule(static)
        for (int64_t n = 0; n < s->images; n++)
            for (int64_t p = 0; p < f->out[0]; p += f->rows)
                add_band(s, c, n, p);
        if (c->dw[0])
            add_up_weights(s, c, c->dw[0]);
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < (db ? s->filters : 0); k++) {
            db[k] = 0;
            for (int t = 0; t < threads; t++)
                db[k] += ((const float *)tn_few_part(s, c, t, s->db))[k];
        }
    }
    return TN_OK;
}
