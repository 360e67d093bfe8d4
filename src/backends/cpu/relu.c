/*
 * relu on the CPU: any layout, in place. Padding stays 0. A NaN stays one; oneDNN's relu makes 0 of it, and is no
 * faster.
 */
#include "backends/cpu/device/cpu.h"
#include "base/base.h"

typedef struct state {
    int64_t count; /* elements with their padding */
} state;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("relu", sizeof *s);
    s->count = b->x[0] ? (int64_t)(b->x[0]->bytes / sizeof(float)) : tn_elements(&n->x[0]);
    b->state = s;
    b->y[0] = b->x[0];
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

static void cut(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *x = c->x[0];
    float *y = c->y[0];
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        y[i] = 0 > x[i] ? 0 : x[i]; /* this way round it is a maximum of SSE's */
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, ((const state *)c->state)->count, TN_FLOATS, cut, c);
    return TN_OK;
}

static void pass(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *y = c->y[0], *dy = c->dy[0];
    float *dx = c->dx[0];
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float passed = dy[i]; /* read in any case: no branch, so that several go at once */
        dx[i] = y[i] > 0 ? passed : 0;
    }
}

static tn_status backward(const tn_call *c)
{
    tn_each(c->device, ((const state *)c->state)->count, TN_FLOATS, pass, c);
    return TN_OK;
}

static void release(void *s)
{
    tn_free(s);
}

const tn_kernel tn_cpu_relu = {
    .op = "relu",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
};
