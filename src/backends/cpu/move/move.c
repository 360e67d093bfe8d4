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

static void move_all(const plan *p, float *to, const float *from, int threads)
{
    const int64_t tiles = p->across > 1 ? (p->across + TILE - 1) / TILE : 1;
    const int64_t count = tn_route_count(&p->outer) * tiles;
    const int64_t step = p->across > 1 ? TILE : p->length;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
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

void tn_cpu_move_along(const tn_route *w, float *to, const float *from, int64_t count, int threads)
{
    const plan p = plan_of(w);
    if (tn_route_count(w) < count) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
        for (int64_t i = 0; i < count; i++)
            to[i] = w->rest;
    }
    move_all(&p, to, from, threads);
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
    tn_cpu_move_along(&w, c->y[0], c->x[0], tn_elements(&c->node->y[0]), c->device->threads);
    return TN_OK;
}

tn_status tn_cpu_move_backward(const tn_call *c)
{
    const tn_route w = c->node->op->route(c->node), back = tn_route_back(&w);
    const int64_t count = tn_elements(&c->node->x[0]);
    if (!c->dx[0])
        return TN_OK;
    if (tn_route_count(&w) > count) /* several elements of y are one of x */
        tn_cpu_reduce_along(&back, &(tn_cpu_reduction){.meet = TN_CPU_SUM, .scale = 1}, c->dx[0],
                            c->dy[0], c->device->threads);
    else
        tn_cpu_move_along(&back, c->dx[0], c->dy[0], count, c->device->threads);
    return TN_OK;
}
