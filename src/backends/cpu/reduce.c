/*
 * reduce on the CPU. A gradient is first found for each element of y, in scratch, and then copied to those of x that it
 * comes from; of a maximum only to those that are it.
 */
#include <math.h>

#include "backends/cpu/move/move.h"

/* What the rows of a run leave of the node's route. */
typedef struct extent {
    tn_route route;
    double count; /* a mean divides by */
    bool none;    /* no row at all */
} extent;

static extent find_extent(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_reduce_opts *o = n->opts;
    extent e = {.route = n->op->route(n)};
    e.count = (double)tn_elements(&n->x[0]) / (double)tn_elements(&n->y[0]);
    if (o->axes.ndim == 0 || o->axes.dim[0] != 0 || n->x_batch[0] != 0)
        return e;
    const int shares = c->run->shares > 0 ? c->run->shares : 1;
    const double rows = (double)tn_run_all_rows(c->run, n) / shares;
    e.count *= rows / (double)n->x[0].dim[0];
    e.route.dim[0] = tn_run_rows(c->run, n);
    e.none = e.route.dim[0] == 0;
    return e;
}

static tn_reduce_kind kind_of(const tn_node *n)
{
    return ((const tn_reduce_opts *)n->opts)->kind;
}

static bool picks(const tn_node *n)
{
    return kind_of(n) == TN_REDUCE_MAX || kind_of(n) == TN_REDUCE_MIN;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    b->x[0] = NULL;
    b->backward_reads_x[0] = b->backward_reads_y = picks(n);
    b->scratch_bytes = b->training ? (size_t)tn_elements(&n->y[0]) * sizeof(float) : 0;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    static const tn_cpu_meet meet[] = {
        [TN_REDUCE_MEAN] = TN_CPU_SUM,
        [TN_REDUCE_SUM] = TN_CPU_SUM,
        [TN_REDUCE_MAX] = TN_CPU_MAX,
        [TN_REDUCE_MIN] = TN_CPU_MIN,
    };
    const tn_reduce_kind kind = kind_of(c->node);
    const extent e = find_extent(c);
    const tn_cpu_reduction r = {.meet = meet[kind],
                                .scale = kind == TN_REDUCE_MEAN ? 1 / e.count : 1};
    if (e.none)
        memset(c->y[0], 0, (size_t)tn_elements(&c->node->y[0]) * sizeof(float));
    else
        tn_cpu_reduce_along(c->device, &e.route, &r, c->y[0], c->x[0]);
    return TN_OK;
}

typedef struct choice {
    const tn_call *c;
    tn_route route; /* merged; x is canonical */
} choice;

static void leave_out_rows(const void *of, tn_piece p)
{
    const choice *s = of;
    const tn_route *w = &s->route;
    const float *x = s->c->x[0], *y = s->c->y[0];
    float *dx = s->c->dx[0];
    const int inner = w->ndim - 1;
    const int64_t length = w->dim[inner];
    for (int64_t i = p.begin; i < p.end; i++) {
        int64_t at = i, to = 0;
        for (int d = inner - 1; d >= 0; d--) {
            to += at % w->dim[d] * w->to[d];
            at /= w->dim[d];
        }
        for (int64_t j = i * length; j < (i + 1) * length; j++, to += w->to[inner])
            if (x[j] != y[to] && !(isnan(x[j]) && isnan(y[to])))
                dx[j] = 0;
    }
}

/* dx = 0 where x is not y. */
static void leave_out(const tn_call *c, const tn_route *given)
{
    choice s = {c, *given};
    tn_route_merge(&s.route);
    const int64_t length = s.route.dim[s.route.ndim - 1];
    tn_each(c->device, tn_route_count(&s.route) / length, 1 + TN_FLOATS / length, leave_out_rows,
            &s);
}

static tn_status backward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t outputs = tn_elements(&n->y[0]), count = tn_elements(&n->x[0]);
    const extent e = find_extent(c);
    const tn_route back = tn_route_back(&e.route);
    const float *dy = c->dy[0];
    float *each = c->scratch;
    if (!c->dx[0])
        return TN_OK;
    if (e.none) {
        memset(c->dx[0], 0, (size_t)count * sizeof(float));
        return TN_OK;
    }
    if (picks(n))
        tn_cpu_reduce_along(c->device, &e.route,
                            &(tn_cpu_reduction){.meet = TN_CPU_EQUAL, .of = c->y[0]}, each,
                            c->x[0]);
    const double scale = kind_of(n) == TN_REDUCE_MEAN ? 1 / e.count : 1;
    for (int64_t i = 0; i < outputs; i++)
        each[i] = picks(n) ? dy[i] / each[i] : (float)((double)dy[i] * scale);
    tn_cpu_move_along(c->device, &back, c->dx[0], each, count);
    if (picks(n))
        leave_out(c, &e.route);
    return TN_OK;
}

const tn_kernel tn_cpu_reduce = {
    .op = "reduce",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
