#include "backends/cpu/reference/_reference.h"

#include "base/base.h"

tn_status tn_reference_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    for (int i = 0; i < n->num_in; i++) {
        b->x[i] = NULL;
        b->backward_reads_x[i] = true;
    }
    return TN_OK;
}

tn_status tn_reference_prepare_sums(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = b->training ? (size_t)tn_elements(&n->x[0]) * sizeof(double) : 0;
    return TN_OK;
}

double *tn_reference_sums(const tn_call *c, int64_t count)
{
    double *sum = c->scratch;
    for (int64_t i = 0; i < count; i++)
        sum[i] = 0;
    return sum;
}

void tn_reference_store(float *to, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

typedef struct mapping {
    const tn_call *c;
    tn_reference_function *f;
} mapping;

static void map(const void *of, tn_piece p)
{
    const mapping *m = of;
    const float *x = m->c->x[0];
    float *y = m->c->y[0];
    for (int64_t i = p.begin; i < p.end; i++)
        y[i] = (float)m->f((double)x[i], m->c->node->opts);
}

tn_status tn_reference_map(const tn_call *c, tn_reference_function *f)
{
    tn_each(c->device, tn_elements(&c->node->x[0]), TN_FLOATS, map, &(mapping){c, f});
    return TN_OK;
}

static void map_backward(const void *of, tn_piece p)
{
    const mapping *m = of;
    const float *x = m->c->x[0], *dy = m->c->dy[0];
    float *dx = m->c->dx[0];
    for (int64_t i = p.begin; i < p.end; i++)
        dx[i] = (float)((double)dy[i] * m->f((double)x[i], m->c->node->opts));
}

tn_status tn_reference_map_backward(const tn_call *c, tn_reference_function *slope)
{
    if (c->dx[0])
        tn_each(c->device, tn_elements(&c->node->x[0]), TN_FLOATS, map_backward,
                &(mapping){c, slope});
    return TN_OK;
}
