/* NAME on the CPU: one loop over the elements, both ways. */
#include "backends/cpu/device/cpu.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL; /* canonical, and so is y */
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

typedef struct job {
    float scale, *to;
    const float *from;
} job;

/* Of one thread: a piece of the elements. May be in place. */
static void multiply_piece(const void *of, tn_piece p)
{
    const job *j = of;
    const float scale = j->scale, *from = j->from;
    float *to = j->to;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        to[i] = scale * from[i];
}

static void multiply(const tn_call *c, const float *from, float *to)
{
    const float scale = ((const tn_NAME_opts *)c->node->opts)->scale;
    tn_each(c->device, tn_elements(&c->node->x[0]), TN_FLOATS, multiply_piece,
            &(job){scale, to, from});
}

static tn_status forward(const tn_call *c)
{
    multiply(c, c->x[0], c->y[0]);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        multiply(c, c->dy[0], c->dx[0]);
    return TN_OK;
}

const tn_kernel tn_cpu_NAME = {
    .op = "NAME",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
