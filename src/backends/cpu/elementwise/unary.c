#include "backends/cpu/elementwise/unary.h"

#include "base/base.h"

enum { TILE = 8192 /* elements that a thread does in one go */ };

typedef struct unary {
    const tn_unary_loops *loops;
    int64_t count; /* elements with their padding */
    float k[3];
} unary;

tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_loops *const *loops)
{
    (void)d;
    unary *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->loops = loops[tn_cpu_isa_here()];
    tn_option_floats(n, s->k, TN_COUNT(s->k));
    s->count = tn_elements(&n->x[0]);
    if (b->x[0] && b->x[0]->bytes != (size_t)s->count * sizeof(float) &&
        !tn_unary_keeps_zero(s->loops, s->k))
        b->x[0] = NULL;
    if (b->x[0])
        s->count = (int64_t)(b->x[0]->bytes / sizeof(float));
    b->y[0] = b->x[0];
    b->backward_reads_y = s->loops->reads_y;
    b->backward_reads_x[0] = !s->loops->reads_y;
    b->inplace = b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

void tn_unary_release(void *state)
{
    tn_free(state);
}

typedef struct job {
    tn_unary_loop *loop;
    tn_unary_run all;
} job;

static void run_part(const void *of, tn_piece p)
{
    const job *j = of;
    for (int64_t i = p.begin; i < p.end; i += TILE) {
        tn_unary_run r = j->all;
        r.count = tn_cpu_lower(TILE, p.end - i);
        r.from += i;
        r.dy = r.dy ? r.dy + i : NULL;
        r.to += i;
        j->loop(&r);
    }
}

static void run(const tn_call *c, tn_unary_loop *loop, const float *from, const float *dy,
                float *to)
{
    const unary *s = c->state;
    tn_each(c->device, s->count, TN_FLOATS, run_part,
            &(job){loop, {.from = from, .dy = dy, .to = to, .k = {s->k[0], s->k[1], s->k[2]}}});
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
        run(c, s->loops->dx, s->loops->reads_y ? c->y[0] : c->x[0], c->dy[0], c->dx[0]);
    return TN_OK;
}
