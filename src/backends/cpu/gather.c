/* gather on the CPU: slices are copied; backward adds them up in the order of the indices, a thread some columns. */
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "base/base.h"

typedef struct sizes {
    tn_lines x;
    int64_t lines; /* that a block of y has along the axis */
    bool each;
} sizes;

static sizes sizes_of(const tn_node *n)
{
    const tn_gather_opts *o = n->opts;
    return (sizes){tn_lines_along(&n->x[0], o->axis),
                   o->each ? n->x[1].dim[o->axis] : tn_elements(&n->x[1]), o->each};
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = b->x[1] = NULL;
    b->backward_reads_x[1] = true;
    return TN_OK;
}

static tn_status check(const tn_call *c, const sizes *s, const int32_t *index)
{
    for (int64_t j = 0; j < tn_elements(&c->node->x[1]); j++)
        if (index[j] < -s->x.size || index[j] >= s->x.size)
            return tn_fail(TN_ERR_ARGUMENT,
                           "gather %s: index %d in row %lld is not in [%lld, %lld)", c->node->name,
                           (int)index[j], (long long)j, (long long)-s->x.size,
                           (long long)s->x.size);
    return TN_OK;
}

static inline int64_t place(const sizes *s, int64_t outer, int32_t index)
{
    return (outer * s->x.size + (index < 0 ? index + s->x.size : index)) * s->x.inner;
}

static void take_lines(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = sizes_of(c->node);
    const int32_t *index = c->x[1];
    for (int64_t i = p.begin; i < p.end; i++) {
        const float *x = c->x[0];
        float *y = (float *)c->y[0] + i * s.x.inner;
        if (!s.each)
            memcpy(y, x + place(&s, i / s.lines, index[i % s.lines]),
                   (size_t)s.x.inner * sizeof *y);
        for (int64_t k = 0; k < s.x.inner && s.each; k++)
            y[k] = x[place(&s, i / s.lines, index[i * s.x.inner + k]) + k];
    }
}

static tn_status forward(const tn_call *c)
{
    const sizes s = sizes_of(c->node);
    TN_TRY(check(c, &s, c->x[1]));
    tn_each(c->device, s.x.outer * s.lines, 1 + TN_FLOATS / s.x.inner, take_lines, c);
    return TN_OK;
}

/* Columns first to end - 1 of a block. */
static void add_up(const sizes *s, const int32_t *index, const float *dy, float *dx, int64_t outer,
                   int64_t first, int64_t end)
{
    for (int64_t k = 0; k < s->x.size; k++)
        memset(dx + (outer * s->x.size + k) * s->x.inner + first, 0,
               (size_t)(end - first) * sizeof *dx);
    for (int64_t j = 0; j < s->lines; j++) {
        const int64_t line = (outer * s->lines + j) * s->x.inner;
        const int32_t *own = s->each ? index + line : NULL;
        float *to = dx + (own ? 0 : place(s, outer, index[j]));
        for (int64_t i = first; i < end && !own; i++)
            to[i] += dy[line + i];
        for (int64_t i = first; i < end && own; i++)
            to[place(s, outer, own[i]) + i] += dy[line + i];
    }
}

/* Parts of a block's columns. */
static int64_t parts_of(const tn_call *c, const sizes *s)
{
    return s->x.outer < c->device->threads ? c->device->threads : 1;
}

static void add_parts(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = sizes_of(c->node);
    const int64_t parts = parts_of(c, &s);
    for (int64_t i = p.begin; i < p.end; i++) {
        const tn_piece columns = tn_part(s.x.inner, parts, i % parts);
        add_up(&s, c->x[1], c->dy[0], c->dx[0], i / parts, columns.begin, columns.end);
    }
}

static tn_status backward(const tn_call *c)
{
    const sizes s = sizes_of(c->node);
    if (c->dx[0])
        tn_each(c->device, s.x.outer * parts_of(c, &s), 1, add_parts, c);
    return TN_OK;
}

const tn_kernel tn_cpu_gather = {
    .op = "gather",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
