/* NAME on a GPU: one kernel of our own, both ways, whatever layout x comes in. */
#include "backends/cuda/elementwise/elementwise.h"
#include "backends/cuda/kernels/NAME.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_elementwise_prepare(d, n, b));
    b->backward_reads_y = false;
    return TN_OK;
}

/* May be in place. */
static tn_status multiply(const tn_call *c, const void *from, void *to)
{
    const tn_elementwise *s = c->state;
    struct tnk_NAME_args a = {.from = from,
                              .to = to,
                              .count = s->count,
                              .factor = ((const tn_NAME_opts *)c->node->opts)->scale};
    TN_ELEMENTWISE(c, tnk_NAME, &a);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    return multiply(c, c->x[0], c->y[0]);
}

static tn_status backward(const tn_call *c)
{
    return c->dx[0] ? multiply(c, c->dy[0], c->dx[0]) : TN_OK;
}

const tn_kernel tn_cuda_NAME = {
    .op = "NAME",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_elementwise_release,
};
