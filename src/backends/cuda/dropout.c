/*
 * dropout in rows, because the mask is counted in canonical order. Nothing is saved: backward draws the
 * mask again, from the seed and step that the run's control holds.
 */
#include <math.h>

#include "backends/cuda/elementwise/elementwise.h"
#include "base/random.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    TN_TRY(tn_cuda_give_rows(d, n, b));
    b->inplace = b->inplace_backward = true;
    return tn_elementwise_state(d, n, b);
}

/* Both ways are the same. */
static tn_status drop(const tn_call *c, const void *from, void *to)
{
    const tn_elementwise *s = c->state;
    const tn_dropout_opts *o = c->node->opts;
    struct tnk_dropout_args a = {
        .control = c->run->control,
        .x = from,
        .y = to,
        .count = s->count,
        .first = tn_run_first(c->run, c->node),
        .name = tn_hash_text(c->node->name),
        .threshold = (uint32_t)ldexp((double)o->rate, 32),
        .scale = 1 / (1 - o->rate),
    };
    TN_ELEMENTWISE(c, tnk_dropout, &a);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    return c->run->training ? drop(c, c->x[0], c->y[0]) : tn_elementwise_copy(c, c->y[0], c->x[0]);
}

static tn_status backward(const tn_call *c)
{
    return c->dx[0] ? drop(c, c->dy[0], c->dx[0]) : TN_OK;
}

const tn_kernel tn_cuda_dropout = {
    .op = "dropout",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = tn_elementwise_release,
};
