/* The backward pass of conv2d with one filter a channel; see depthwise.h. */
#include <string.h>

#include "backends/cpu/depthwise/depthwise.h"

enum { LEAST_PIECES = 32 /* blocks of channels times parts of the images, if there are so many */ };

static const tn_depthwise_back *const back_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_depthwise_back_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_depthwise_back_avx2,
    [TN_CPU_AVX512] = &tn_depthwise_back_avx512,
#endif
};

/* Floats of a block's filters, and of a plane of dy. */
static int64_t filter_floats(const tn_depthwise *s)
{
    return s->kernel[0] * s->kernel[1] * s->code->lanes;
}

static int64_t plane_floats(const tn_depthwise *s)
{
    return s->out[0] * s->out[1] * s->code->lanes;
}

size_t tn_depthwise_prepare_back(tn_depthwise *s, int threads)
{
    const int64_t images = s->planes / s->blocks;
    size_t used = 0;
    s->back = back_of[tn_cpu_isa_here()];
    s->parts = tn_cpu_lower(images, (LEAST_PIECES + s->blocks - 1) / s->blocks);
    s->dw = tn_cpu_part(&used, (size_t)(s->parts * s->blocks * filter_floats(s)) * sizeof(float));
    s->db = tn_cpu_part(&used, (size_t)(s->parts * s->blocks * s->code->lanes) * sizeof(float));
    s->dz = used;
    s->each = 0;
    if (s->holds)
        (void)tn_cpu_part(&s->each, (size_t)plane_floats(s) * sizeof(float));
    return used + s->each * (size_t)threads;
}

static float *scratch_at(const tn_call *c, size_t at)
{
    return (float *)(void *)((unsigned char *)c->scratch + at);
}

/* dy where the relu behind let y through. */
static const float *through_relu(const tn_depthwise *s, const float *y, const float *dy, float *dz)
{
#pragma omp simd
    for (int64_t i = 0; i < plane_floats(s); i++) {
        const float through = dy[i]; /* read whatever y is, so that nothing branches */
        dz[i] = y[i] > 0 ? through : 0;
    }
    return dz;
}

/* A block of channels of one part of the images. */
static void one_piece(const tn_call *c, int64_t block, int64_t part, int thread)
{
    const tn_depthwise *s = c->state;
    const int64_t in = s->in[0] * s->in[1] * s->code->lanes, out = plane_floats(s);
    const tn_piece images = tn_part(s->planes / s->blocks, s->parts, part);
    const int64_t at = block * s->parts + part;
    float *dw = scratch_at(c, s->dw) + at * filter_floats(s),
          *db = scratch_at(c, s->db) + at * s->code->lanes,
          *dz = scratch_at(c, s->dz + (size_t)thread * s->each);
    memset(dw, 0, (size_t)filter_floats(s) * sizeof *dw);
    memset(db, 0, (size_t)s->code->lanes * sizeof *db);
    for (int64_t n = images.begin; n < images.end; n++) {
        const int64_t plane = n * s->blocks + block;
        const float *dy = (const float *)c->dy[0] + plane * out;
        if (s->holds)
            dy = through_relu(s, (const float *)c->y[0] + plane * out, dy, dz);
        if (c->dw[0])
            s->back->weights(s, (const float *)c->x[0] + plane * in, dy, dw);
        if (c->dw[1])
            s->back->bias(s, dy, db);
        if (c->dx[0])
            s->back->data(s, dy, (const float *)c->w[0] + block * filter_floats(s), 0, s->in[0],
                          (float *)c->dx[0] + plane * in);
    }
}

static void some_pieces(const void *of, tn_piece pieces)
{
    const tn_call *c = of;
    const tn_depthwise *s = c->state;
    for (int64_t i = pieces.begin; i < pieces.end; i++)
        one_piece(c, i / s->parts, i % s->parts, pieces.thread);
}

/* The parts' sums, one after the other; of `to` the first `count`. */
static void add_up(const float *from, int64_t parts, int64_t each, int64_t count, float *to)
{
    memcpy(to, from, (size_t)count * sizeof *to);
    for (int64_t p = 1; p < parts; p++)
        for (int64_t i = 0; i < count; i++)
            to[i] += from[p * each + i];
}

tn_status tn_depthwise_backward(const tn_call *c)
{
    const tn_depthwise *s = c->state;
    const int64_t filter = filter_floats(s), lanes = s->code->lanes;
    tn_each(c->device, s->blocks * s->parts, 1, some_pieces, c);
    for (int64_t b = 0; c->dw[0] && b < s->blocks; b++)
        add_up(scratch_at(c, s->dw) + b * s->parts * filter, s->parts, filter, filter,
               (float *)c->dw[0] + b * filter);
    for (int64_t b = 0; c->dw[1] && b < s->blocks; b++)
        add_up(scratch_at(c, s->db) + b * s->parts * lanes, s->parts, lanes,
               tn_cpu_lower(lanes, s->channels - b * lanes), (float *)c->dw[1] + b * lanes);
    return TN_OK;
}
