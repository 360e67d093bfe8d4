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

tn_status tn_softmax_forward(const tn_call *c, bool log)
{
    const pieces p = cut(c);
    const tn_softmax_code *code = code_of[tn_cpu_isa_here()];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < p.count; i++) {
        int64_t lines;
        const int64_t at = place_of(&p, i, &lines);
        code->forward(log, (const float *)c->x[0] + at, (float *)c->y[0] + at, p.lines.size,
                      p.lines.inner, lines);
    }
    return TN_OK;
}

tn_status tn_softmax_backward(const tn_call *c, bool log)
{
    const pieces p = cut(c);
    const tn_softmax_code *code = code_of[tn_cpu_isa_here()];
    if (!c->dx[0])
        return TN_OK;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < p.count; i++) {
        int64_t lines;
        const int64_t at = place_of(&p, i, &lines);
        code->backward(log, (const float *)c->y[0] + at, (const float *)c->dy[0] + at,
                       (float *)c->dx[0] + at, p.lines.size, p.lines.inner, lines);
    }
    return TN_OK;
}
