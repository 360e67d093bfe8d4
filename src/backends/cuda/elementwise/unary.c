#include "backends/cuda/elementwise/unary.h"

#include "backends/cuda/elementwise/elementwise.h"

typedef struct unary {
    tn_elementwise each; /* first: TN_ELEMENTWISE() takes the state for one */
    tn_unary_spec spec;
    float k[2]; /* the op's numbers */
} unary;

tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_spec *spec)
{
    TN_TRY(tn_cuda_want_any(d, n, b, 0));
    unary *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->each = tn_elementwise_of(d, n, b);
    s->spec = *spec;
    tn_option_floats(n, s->k, TN_COUNT(s->k));
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

static struct tnk_unary_args args_of(const tn_call *c, const void *from, void *to)
{
    const unary *s = c->state;
    return (struct tnk_unary_args){.from = from,
                                   .dy = c->dy[0],
                                   .to = to,
                                   .count = s->each.count,
                                   .formula = (int32_t)s->spec.formula,
                                   .k = {s->k[0], s->k[1]}};
}

tn_status tn_unary_forward(const tn_call *c)
{
    struct tnk_unary_args a = args_of(c, c->x[0], c->y[0]);
    TN_ELEMENTWISE(c, tnk_unary, &a);
    return TN_OK;
}

tn_status tn_unary_backward(const tn_call *c)
{
    const unary *s = c->state;
    struct tnk_unary_args a = args_of(c, s->spec.reads_y ? c->y[0] : c->x[0], c->dx[0]);
    if (c->dx[0])
        TN_ELEMENTWISE(c, tnk_unary_back, &a);
    return TN_OK;
}
