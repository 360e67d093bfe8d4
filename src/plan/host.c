/*
 * host: nodes that functions of the program compute (custom), on any device.
 *
 * The functions see canonical host memory: that of the device itself where it is the host, else copies, which wait for
 * the device. What stands in a recording could not wait, so a plan with such a node is not recorded.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/custom.h>

#include "plan/passes.h"

/* A tensor as the functions see it, and the memory for its copy, NULL where none is needed. */
typedef struct mirror {
    tn_tensor tensor;
    size_t bytes;
    void *copy;
} mirror;

typedef struct host_state {
    const tn_backend *backend;
    bool copies;
    mirror x[TN_MAX_IN], dx[TN_MAX_IN], y, dy;
} host_state;

static void release(void *state)
{
    host_state *s = state;
    for (int i = 0; i < TN_MAX_IN; i++) {
        tn_free(s->x[i].copy);
        tn_free(s->dx[i].copy);
    }
    tn_free(s->y.copy);
    tn_free(s->dy.copy);
    tn_free(s);
}

static tn_status make_mirror(const host_state *s, mirror *m, const tn_shape *shape, tn_dtype dtype)
{
    m->tensor = (tn_tensor){dtype, *shape, NULL};
    TN_TRY(tn_shape_bytes(shape, dtype, &m->bytes));
    if (!s->copies)
        return TN_OK;
    m->copy = tn_alloc_aligned(m->bytes);
    return m->copy ? TN_OK : tn_no_memory("the host's copies of a custom layer", m->bytes);
}

static tn_status make_mirrors(host_state *s, const tn_node *n, const tn_binding *b)
{
    for (int i = 0; i < n->num_in; i++) {
        TN_TRY(make_mirror(s, &s->x[i], &n->x[i], n->x_dtype[i]));
        if (b->dx[i])
            TN_TRY(make_mirror(s, &s->dx[i], &n->x[i], TN_F32));
    }
    TN_TRY(make_mirror(s, &s->y, &n->y[0], TN_F32));
    return b->training ? make_mirror(s, &s->dy, &n->y[0], TN_F32) : TN_OK;
}

static tn_status check_backward(const tn_node *n, const tn_binding *b)
{
    const tn_custom_opts *o = n->opts;
    for (int i = 0; i < n->num_in && !o->backward; i++)
        if (b->dx[i])
            return tn_fail(TN_ERR_ARGUMENT,
                           "custom %s: it has no backward(), and the loss needs the gradient of "
                           "its input %d",
                           n->name, i);
    return TN_OK;
}

/* ---- running it ----------------------------------------------------------------------------- */

/* Where the functions find what lies at `device`. */
static tn_status fetch(const tn_call *c, mirror *m, const void *device)
{
    const host_state *s = c->state;
    m->tensor.data = m->copy ? m->copy : (void *)(uintptr_t)device;
    return m->copy ? s->backend->download(c->device, m->copy, device, m->bytes) : TN_OK;
}

static tn_status give(const tn_call *c, const mirror *m, void *device)
{
    const host_state *s = c->state;
    return m->copy ? s->backend->upload(c->device, device, m->copy, m->bytes) : TN_OK;
}

static tn_status call(const tn_call *c, const char *what,
                      tn_status (*function)(void *arg, const tn_custom_call *c), const float *dy,
                      float *const *dx)
{
    const host_state *s = c->state;
    const tn_node *n = c->node;
    tn_tensor x[TN_MAX_IN];
    for (int i = 0; i < n->num_in; i++)
        x[i] = s->x[i].tensor;
    const tn_custom_call called = {.name = n->name,
                                   .num_x = n->num_in,
                                   .x = x,
                                   .y = s->y.tensor,
                                   .dy = dy,
                                   .dx = dx,
                                   .elements = tn_elements(&n->y[0]),
                                   .rows = n->x[0].ndim ? tn_run_rows(c->run, n) : 1,
                                   .training = c->run->training,
                                   .seed = c->run->seed,
                                   .step = c->run->step};
    const tn_custom_opts *o = n->opts;
    tn_error_kept kept;
    tn_foreign_begin(&kept);
    return tn_foreign_end(&kept, function(o->arg, &called), "custom %s: %s", n->name, what);
}

static tn_status forward(const tn_call *c)
{
    host_state *s = c->state;
    const tn_custom_opts *o = c->node->opts;
    for (int i = 0; i < c->node->num_in; i++)
        TN_TRY(fetch(c, &s->x[i], c->x[i]));
    s->y.tensor.data = s->y.copy ? s->y.copy : c->y[0];
    TN_TRY(call(c, "forward", o->forward, NULL, NULL));
    return give(c, &s->y, c->y[0]);
}

static tn_status backward(const tn_call *c)
{
    host_state *s = c->state;
    const tn_custom_opts *o = c->node->opts;
    float *dx[TN_MAX_IN] = {NULL};
    for (int i = 0; i < c->node->num_in; i++) {
        TN_TRY(fetch(c, &s->x[i], c->x[i]));
        if (c->dx[i])
            dx[i] = s->dx[i].copy ? s->dx[i].copy : c->dx[i];
    }
    TN_TRY(fetch(c, &s->y, c->y[0]));
    TN_TRY(fetch(c, &s->dy, c->dy[0]));
    TN_TRY(call(c, "backward", o->backward, s->dy.tensor.data, dx));
    for (int i = 0; i < c->node->num_in; i++)
        if (c->dx[i])
            TN_TRY(give(c, &s->dx[i], c->dx[i]));
    return TN_OK;
}

static const char *describe(const void *state)
{
    const host_state *s = state;
    return s->copies ? "host: copied down and up" : "host: a function";
}

tn_status tn_plan_bind_host(tn_plan *p, tn_plan_node *pn)
{
    const tn_node *n = &pn->node;
    tn_binding *b = &pn->bind;
    TN_TRY(check_backward(n, b));
    host_state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("custom", sizeof *s);
    s->backend = tn_plan_backend(p);
    s->copies = !s->backend->is_host;
    pn->kernel = &tn_kernel_host;
    b->state = s;
    for (int i = 0; i < n->num_in; i++) {
        b->x[i] = NULL; /* canonical */
        b->backward_reads_x[i] = true;
    }
    b->backward_reads_y = true;
    p->on_host = true;
    if (s->backend->capture_begin)
        snprintf(p->replay_why, sizeof p->replay_why, "custom %s is a function on the host",
                 n->name);
    return make_mirrors(s, n, b);
}

const tn_kernel tn_kernel_host = {
    .op = "custom",
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
