#include "backends/cpu/move/move.h"

enum { TILE = 16 /* elements each way: a cache line of f32 */ };

/* A merged route in two or three parts: dimensions that are counted through, and the innermost one, along which `to` lies
 * together. Where `from` lies together along another one, `across`, these two are gone through in tiles. */
typedef struct plan {
    tn_route outer;
    int64_t length, to, from; /* innermost */
    int64_t across, across_to, across_from;
} plan;

static int64_t width(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

static void take_out(tn_route *w, int i)
{
    w->ndim--;
    for (; i < w->ndim; i++) {
        w->dim[i] = w->dim[i + 1];
        w->to[i] = w->to[i + 1];
        w->from[i] = w->from[i + 1];
    }
}

static plan plan_of(const tn_route *w)
{
    plan p = {.outer = *w, .across = 1};
    tn_route *o = &p.outer;
    tn_route_merge(o);
    int inner = o->ndim - 1, across = -1;
    for (int i = 0; i < o->ndim; i++)
        if (width(o->to[i]) < width(o->to[inner]))
            inner = i;
    p.length = o->dim[inner];
    p.to = o->to[inner];
    p.from = o->from[inner];
    take_out(o, inner);
    for (int i = 0; i < o->ndim && width(p.from) > 1; i++)
        if (width(o->from[i]) == 1 && o->dim[i] > 1)
            across = i;
    if (across < 0)
        return p;
    p.across = o->dim[across];
    p.across_to = o->to[across];
    p.across_from = o->from[across];
    take_out(o, across);
    return p;
}

static void move_row(const plan *p, float *to, const float *from, int64_t length)
{
    if (p->to == 1 && p->from == 1) {
        memcpy(to, from, (size_t)length * sizeof *to);
    } else if (p->to == 1 && p->from == 0) {
        for (int64_t i = 0; i < length; i++)
            to[i] = *from;
    } else {
        for (int64_t i = 0; i < length; i++)
            to[i * p->to] = from[i * p->from];
    }
}

/* Number i of what the outer dimensions count. */
static void find_place(const tn_route *o, int64_t i, int64_t *to, int64_t *from)
{
    *to = o->to_at;
    *from = o->from_at;
    for (int d = o->ndim - 1; d >= 0; d--) {
        *to += i % o->dim[d] * o->to[d];
        *from += i % o->dim[d] * o->from[d];
        i /= o->dim[d];
    }
}

typedef struct job {
    plan p;
    int64_t tiles;
    float *to, rest;
    const float *from;
} job;

static void move_rows(const void *of, tn_piece all)
{
    const job *j = of;
    const plan *p = &j->p;
    float *to = j->to;
    const float *from = j->from;
    const int64_t tiles = j->tiles, step = p->across > 1 ? TILE : p->length;
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t first = i % tiles * TILE, last = tn_cpu_lower(first + TILE, p->across);
        int64_t t, f;
        find_place(&p->outer, i / tiles, &t, &f);
        for (int64_t at = 0; at < p->length; at += step)
            for (int64_t k = first; k < last; k++)
                move_row(p, to + t + at * p->to + k * p->across_to,
                         from + f + at * p->from + k * p->across_from,
                         tn_cpu_lower(step, p->length - at));
    }
}

static void fill(const void *of, tn_piece p)
{
    const job *j = of;
    float *to = j->to;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        to[i] = j->rest;
}

void tn_cpu_move_along(const tn_backend_device *d, const tn_route *w, float *to, const float *from,
                       int64_t count)
{
    job j = {.p = plan_of(w), .to = to, .rest = w->rest, .from = from};
    const plan *p = &j.p;
    j.tiles = p->across > 1 ? (p->across + TILE - 1) / TILE : 1;
    if (tn_route_count(w) < count)
        tn_each(d, count, TN_FLOATS, fill, &j);
    const int64_t each = p->length * tn_cpu_lower(p->across, TILE);
    tn_each(d, tn_route_count(&p->outer) * j.tiles, 1 + TN_FLOATS / 2 / (each + 1), move_rows, &j);
}

/* ---- a node --------------------------------------------------------------------------------- */

tn_status tn_cpu_move_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    return TN_OK;
}

tn_status tn_cpu_move_forward(const tn_call *c)
{
    const tn_route w = c->node->op->route(c->node);
    tn_cpu_move_along(c->device, &w, c->y[0], c->x[0], tn_elements(&c->node->y[0]));
    return TN_OK;
}

tn_status tn_cpu_move_backward(const tn_call *c)
{
    const tn_route w = c->node->op->route(c->node), back = tn_route_back(&w);
    const int64_t count = tn_elements(&c->node->x[0]);
    if (!c->dx[0])
        return TN_OK;
    if (tn_route_count(&w) > count) /* several elements of y are one of x */
        tn_cpu_reduce_along(c->device, &back, &(tn_cpu_reduction){.meet = TN_CPU_SUM, .scale = 1},
                            c->dx[0], c->dy[0]);
    else
        tn_cpu_move_along(c->device, &back, c->dx[0], c->dy[0], count);
    return TN_OK;
}
