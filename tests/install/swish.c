#include "swish.h"

#include <math.h>

#include <tenon/sys/kernel.h>

static void compute(const float *x, float *y, int64_t count, float beta)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] / (1 + expf(-beta * x[i]));
}

static void differentiate(const float *x, const float *dy, float *dx, int64_t count, float beta)
{
    for (int64_t i = 0; i < count; i++) {
        const float s = 1 / (1 + expf(-beta * x[i]));
        dx[i] = dy[i] * s * (1 + beta * x[i] * (1 - s));
    }
}

/* ---- an operation ----------------------------------------------------------------------------- */

static tn_status infer(tn_node *n)
{
    swish_opts *o = n->opts;
    tn_status status = tn_check_input(n, 0, 0);
    if (status != TN_OK)
        return status;
    if (o->beta == 0)
        o->beta = 1;
    n->y[0] = n->x[0];
    return TN_OK;
}

static const tn_attr attrs[] = {
    {.name = "beta", .type = TN_ATTR_FLOAT, .offset = offsetof(swish_opts, beta)},
    {.name = NULL},
};

static const tn_op op = {
    .version = TN_SYS_VERSION,
    .name = "swish_of_mine",
    .opts_size = sizeof(swish_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
};

static tn_status prepare(tn_backend_device *device, const tn_node *n, tn_binding *b)
{
    (void)device;
    (void)n;
    b->x[0] = NULL; /* canonical */
    b->backward_reads_x[0] = true;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const swish_opts *o = c->node->opts;
    compute(c->x[0], c->y[0], tn_elements(&c->node->x[0]), o->beta);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const swish_opts *o = c->node->opts;
    differentiate(c->x[0], c->dy[0], c->dx[0], tn_elements(&c->node->x[0]), o->beta);
    return TN_OK;
}

static const tn_kernel kernel = {
    .version = TN_SYS_VERSION,
    .op = "swish_of_mine",
    .name = "mine",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};

void swish_install(tn_device *device)
{
    tn_must(tn_op_register(&op));
    tn_must(tn_device_add_kernel(device, &kernel));
}

tn_value swish(tn_graph *g, tn_value x, const swish_opts *opts)
{
    return tn_graph_add(g, &op, opts ? opts->name : NULL, 1, &x, opts);
}

/* ---- functions -------------------------------------------------------------------------------- */

static tn_status call_forward(void *arg, const tn_custom_call *c)
{
    (void)arg;
    compute(c->x[0].data, c->y.data, c->elements, 1);
    return TN_OK;
}

static tn_status call_backward(void *arg, const tn_custom_call *c)
{
    (void)arg;
    differentiate(c->x[0].data, c->dy, c->dx[0], c->elements, 1);
    return TN_OK;
}

tn_value swish_custom(tn_graph *g, tn_value x)
{
    return tn_custom(g, 1, &x,
                     &(tn_custom_opts){.forward = call_forward, .backward = call_backward});
}
