#include "backends/cpu/elementwise/unary.h"

#include "base/base.h"

enum { TILE = 8192 /* elements that a thread does in one go */ };

typedef struct unary {
    const tn_unary_loops *loops;
    int64_t count; /* elements with their padding */
    bool reads_y;
    float k[2];
} unary;

tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_spec *spec)
{
    (void)d;
    unary *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->count = tn_elements(&n->x[0]);
    if (b->x[0] && !spec->keeps_zero && b->x[0]->bytes != (size_t)s->count * sizeof(float))
        b->x[0] = NULL;
    if (b->x[0])
        s->count = (int64_t)(b->x[0]->bytes / sizeof(float));
    s->loops = spec->loops[tn_cpu_isa_here()];
    s->reads_y = spec->reads_y;
    s->k[0] = spec->k[0];
    s->k[1] = spec->k[1];
    b->y[0] = b->x[0];
    b->backward_reads_y = spec->reads_y;
    b->backward_reads_x[0] = !spec->reads_y;
    b->inplace = b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

void tn_unary_release(void *state)
{
    tn_free(state);
}

static void run(const tn_call *c, tn_unary_loop *loop, const float *from, const float *dy,
                float *to)
{
    const unary *s = c->state;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < s->count; i += TILE)
        loop(&(tn_unary_run){.count = tn_cpu_lower(TILE, s->count - i),
                             .from = from + i,
                             .dy = dy ? dy + i : NULL,
                             .to = to + i,
                             .k = {s->k[0], s->k[1]}});
}

tn_status tn_unary_forward(const tn_call *c)
{
    const unary *s = c->state;
    run(c, s->loops->y, c->x[0], NULL, c->y[0]);
    return TN_OK;
}

tn_status tn_unary_backward(const tn_call *c)
{
    const unary *s = c->state;
    if (c->dx[0])
        run(c, s->loops->dx, s->reads_y ? c->y[0] : c->x[0], c->dy[0], c->dx[0]);
    return TN_OK;
}
