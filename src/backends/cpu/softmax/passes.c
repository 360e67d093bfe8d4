#include "backends/cpu/softmax/softmax.h"

static const tn_softmax_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_softmax_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_softmax_avx2,
    [TN_CPU_AVX512] = &tn_softmax_avx512,
#endif
};

tn_status tn_softmax_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

/* Lines, cut into pieces that are done at once; where the first element of one is. */
typedef struct pieces {
    tn_lines lines;
    int64_t wide, each, count; /* lines a piece; pieces a block, and in all */
} pieces;

static pieces cut(const tn_call *c)
{
    const tn_softmax_opts *o = c->node->opts;
    pieces p = {.lines = tn_lines_along(&c->node->x[0], o->axis), .wide = TN_SOFTMAX_WIDE};
    if (p.lines.inner < p.wide)
        p.wide = p.lines.inner;
    p.each = (p.lines.inner + p.wide - 1) / p.wide;
    p.count = p.lines.outer * p.each;
    return p;
}

static int64_t place_of(const pieces *p, int64_t piece, int64_t *lines)
{
    const int64_t at = piece % p->each * p->wide;
    *lines = tn_cpu_lower(p->wide, p->lines.inner - at);
    return piece / p->each * p->lines.size * p->lines.inner + at;
}

typedef struct job {
    const tn_call *c;
    pieces of;
    bool log;
} job;

/* Pieces that are worth another thread. */
static int64_t grain(const pieces *p)
{
    return 1 + TN_FLOATS / 4 / (p->lines.size * p->wide);
}

static void forward(const void *of, tn_piece p)
{
    const job *j = of;
    const tn_call *c = j->c;
    const tn_lines *l = &j->of.lines;
    for (int64_t i = p.begin; i < p.end; i++) {
        int64_t lines;
        const int64_t at = place_of(&j->of, i, &lines);
        code_of[tn_cpu_isa_here()]->forward(j->log, (const float *)c->x[0] + at,
                                            (float *)c->y[0] + at, l->size, l->inner, lines);
    }
}

tn_status tn_softmax_forward(const tn_call *c, bool log)
{
    const job j = {c, cut(c), log};
    tn_each(c->device, j.of.count, grain(&j.of), forward, &j);
    return TN_OK;
}

static void backward(const void *of, tn_piece p)
{
    const job *j = of;
    const tn_call *c = j->c;
    const tn_lines *l = &j->of.lines;
    for (int64_t i = p.begin; i < p.end; i++) {
        int64_t lines;
        const int64_t at = place_of(&j->of, i, &lines);
        code_of[tn_cpu_isa_here()]->backward(j->log, (const float *)c->y[0] + at,
                                             (const float *)c->dy[0] + at, (float *)c->dx[0] + at,
                                             l->size, l->inner, lines);
    }
}

tn_status tn_softmax_backward(const tn_call *c, bool log)
{
    const job j = {c, cut(c), log};
    if (c->dx[0])
        tn_each(c->device, j.of.count, grain(&j.of), backward, &j);
    return TN_OK;
}
