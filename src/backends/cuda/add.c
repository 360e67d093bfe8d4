/* add by a kernel of our own: any layout, the second input in that of the first. */
#include "backends/cuda/elementwise/elementwise.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_any(d, n, b, 0));
    b->x[1] = b->y[0] = b->x[0];
    b->inplace = b->inplace_backward = true;
    return tn_elementwise_state(d, n, b);
}

static tn_status forward(const tn_call *c)
{
    const tn_elementwise *s = c->state;
    struct tnk_add_args a = {.a = c->x[0], .b = c->x[1], .y = c->y[0], .count = s->count};
    TN_ELEMENTWISE(c, tnk_add, &a);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    for (int i = 0; i < 2; i++)
        if (c->dx[i])
            TN_TRY(tn_elementwise_copy(c, c->dx[i], c->dy[0])); /* dx[0] may be in dy's place */
    return TN_OK;
}

const tn_kernel tn_cuda_add = {
    .op = "add",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_elementwise_release,
};
