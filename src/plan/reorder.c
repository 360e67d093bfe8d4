/*
 * reorder: y = x in another layout; dx = dy back again. The plan's own node, put where the layout that
 * a value is written in and the one that a reader wants differ.
 */
#include <string.h>

#include "plan/passes.h"

typedef struct reorder_state {
    const tn_backend *backend;
    void *forward, *backward;
} reorder_state;

static void release(void *state)
{
    reorder_state *s = state;
    if (s->forward)
        s->backend->reorder_destroy(s->forward);
    if (s->backward)
        s->backend->reorder_destroy(s->backward);
    tn_free(s);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_reorder_opts *o = n->opts;
    reorder_state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("reorder", sizeof *s);
    s->backend = o->backend;
    tn_status status =
        s->backend->reorder_create(d, &n->x[0], n->x_dtype[0], b->x[0], o->to, &s->forward);
    if (status == TN_OK && b->dx[0])
        status =
            s->backend->reorder_create(d, &n->x[0], n->x_dtype[0], o->to, b->x[0], &s->backward);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->y[0] = o->to;
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const reorder_state *s = c->state;
    return s->backend->reorder_run(s->forward, c->y[0], c->x[0]);
}

static tn_status backward(const tn_call *c)
{
    const reorder_state *s = c->state;
    return s->backend->reorder_run(s->backward, c->dx[0], c->dy[0]);
}

const tn_op tn_op_reorder = {
    .name = "reorder",
    .opts_size = sizeof(tn_reorder_opts),
    .min_in = 1,
    .max_in = 1,
};

const tn_kernel tn_kernel_reorder = {
    .op = "reorder",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
