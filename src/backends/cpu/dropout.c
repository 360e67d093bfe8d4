/*
 * dropout on the CPU, in canonical layout because the mask is counted in it.
 *
 * Nothing is saved. Behind a relu backward sees in y what was dropped: where y is 0, so is the gradient, be it
 * that of dropout or of relu. Elsewhere it draws the mask again, 6 ns an element and thread.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "base/random.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    b->inplace = b->inplace_backward = true;
    b->backward_reads_y = b->dx[0] && b->behind_relu;
    return TN_OK;
}

typedef struct job {
    const tn_call *c;
    const float *from;
    float *to;
} job;

/* to = from * (1 / (1 - rate) or 0); both ways are the same. May be in place. Elements are numbered through
 * the whole batch, of which these may be one share: a group of four may begin before them or end after. */
static void drop_fours(const void *of, tn_piece p)
{
    const job *j = of;
    const tn_call *c = j->c;
    const float *from = j->from;
    float *to = j->to;
    const tn_dropout_opts *o = c->node->opts;
    const uint32_t threshold = (uint32_t)ldexp((double)o->rate, 32);
    const float scale = 1 / (1 - o->rate);
    const uint64_t seed = c->run->seed;
    const uint64_t stream =
        tn_hash_text(c->node->name) ^ (c->run->step * UINT64_C(0x9E3779B97F4A7C15));
    const int64_t first = tn_run_first(c->run, c->node);
    const int64_t end = first + tn_elements(&c->node->x[0]);
    for (int64_t four = first / 4 + p.begin; four < first / 4 + p.end; four++) {
        const tn_random4 r = tn_random_at(seed, TN_RANDOM_DROPOUT, stream, (uint64_t)four);
        const int64_t begin = four * 4 < first ? first : four * 4;
        const int64_t stop = four * 4 + 4 < end ? four * 4 + 4 : end;
        for (int64_t i = begin; i < stop; i++)
            to[i - first] = r.word[i - four * 4] < threshold ? 0 : from[i - first] * scale;
    }
}

static void drop(const tn_call *c, const float *from, float *to)
{
    const int64_t first = tn_run_first(c->run, c->node);
    const int64_t end = first + tn_elements(&c->node->x[0]);
    tn_each(c->device, (end + 3) / 4 - first / 4, TN_FLOATS / 16, drop_fours, &(job){c, from, to});
}

static tn_status forward(const tn_call *c)
{
    const float *x = c->x[0];
    float *y = c->y[0];
    if (c->run->training)
        drop(c, x, y);
    else if (y != x)
        memcpy(y, x, (size_t)tn_elements(&c->node->x[0]) * sizeof *y);
    return TN_OK;
}

/* A NaN in y stays one: nothing is hidden. */
static void drop_the_same(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *y = c->y[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    const float scale = 1 / (1 - ((const tn_dropout_opts *)c->node->opts)->rate);
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float kept = dy[i] * scale; /* whatever y is, so that nothing branches */
        dx[i] = y[i] == 0 ? 0 : kept;
    }
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0] && c->y[0])
        tn_each(c->device, tn_elements(&c->node->x[0]), TN_FLOATS, drop_the_same, c);
    else if (c->dx[0])
        drop(c, c->dy[0], c->dx[0]);
    return TN_OK;
}

const tn_kernel tn_cpu_dropout = {
    .op = "dropout",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
