/*
 * add on the CPU: any layout, the second input in that of the first. Padding is added too: 0 + 0.
 */
#include "backends/cpu/device/cpu.h"
#include "base/base.h"

typedef struct state {
    size_t count; /* elements with their padding */
} state;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("add", sizeof *s);
    s->count = b->x[0] ? b->x[0]->bytes / sizeof(float) : (size_t)tn_elements(&n->x[0]);
    b->state = s;
    b->x[1] = b->y[0] = b->x[0];
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const state *s = c->state;
    const float *a = c->x[0], *b = c->x[1];
    float *y = c->y[0];
#pragma omp parallel for simd num_threads(c->device->threads) schedule(static)
    for (size_t i = 0; i < s->count; i++)
        y[i] = a[i] + b[i];
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const state *s = c->state;
    const float *dy = c->dy[0];
    for (int i = 0; i < 2; i++) {
        float *dx = c->dx[i];
        if (!dx || dx == dy) /* dx[0] may be in dy's place */
            continue;
#pragma omp parallel for simd num_threads(c->device->threads) schedule(static)
        for (size_t j = 0; j < s->count; j++)
            dx[j] = dy[j];
    }
    return TN_OK;
}

static void release(void *s)
{
    tn_free(s);
}

const tn_kernel tn_cpu_add = {
    .op = "add",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
