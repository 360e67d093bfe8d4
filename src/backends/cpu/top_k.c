/* top_k on the CPU: a thread a line. The best k so far are a heap whose root comes last of them: most elements are compared
 * with that alone. */

#include "backends/cpu/device/cpu.h"
#include "base/base.h"
#include "tensor/first.h"

/* A line of x. */
typedef struct line {
    const float *x;
    int64_t step; /* from element to element */
    tn_first order;
} line;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    b->x[0] = NULL;
    b->scratch_bytes =
        (size_t)d->threads * (size_t)((const tn_top_k_opts *)n->opts)->k * sizeof(int32_t);
    return TN_OK;
}

static inline bool first(const line *l, int32_t i, int32_t j)
{
    return tn_comes_first(l->order, l->x[i * l->step], i, l->x[j * l->step], j);
}

/* Puts heap[at] where it belongs among those below it. */
static void sink(const line *l, int32_t *heap, int64_t count, int64_t at)
{
    for (;;) {
        int64_t worst = at;
        for (int64_t below = 2 * at + 1; below <= 2 * at + 2 && below < count; below++)
            if (first(l, heap[worst], heap[below]))
                worst = below;
        if (worst == at)
            return;
        const int32_t moved = heap[at];
        heap[at] = heap[worst];
        heap[worst] = moved;
        at = worst;
    }
}

/* The places of the first k, in order. */
static void find(const line *l, int64_t size, int32_t *heap, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        heap[i] = (int32_t)i;
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sink(l, heap, k, i);
    for (int64_t i = k; i < size; i++)
        if (first(l, (int32_t)i, heap[0])) {
            heap[0] = (int32_t)i;
            sink(l, heap, k, 0);
        }
    for (int64_t left = k - 1; left > 0; left--) { /* the root is the last of those left */
        const int32_t last = heap[0];
        heap[0] = heap[left];
        heap[left] = last;
        sink(l, heap, left, 0);
    }
}

static void find_lines(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_top_k_opts *o = c->node->opts;
    const tn_lines all = tn_lines_along(&c->node->x[0], o->axis);
    float *values = c->y[0];
    int32_t *indices = c->y[1];
    int32_t *heap = (int32_t *)c->scratch + (int64_t)p.thread * o->k;
    for (int64_t i = p.begin; i < p.end; i++) {
        const int64_t outer = i / all.inner, inner = i % all.inner;
        const line l = {(const float *)c->x[0] + outer * all.size * all.inner + inner,
                        all.inner,
                        {o->smallest, o->last}};
        find(&l, all.size, heap, o->k);
        for (int64_t k = 0; k < o->k; k++) {
            const int64_t to = (outer * o->k + k) * all.inner + inner;
            if (values)
                values[to] = l.x[heap[k] * l.step];
            if (indices)
                indices[to] = heap[k];
        }
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_top_k_opts *o = c->node->opts;
    const tn_lines all = tn_lines_along(&c->node->x[0], o->axis);
    tn_each(c->device, all.outer * all.inner, 1 + TN_FLOATS / 4 / all.size, find_lines, c);
    return TN_OK;
}

const tn_kernel tn_cpu_top_k = {
    .op = "top_k",
    .prepare = prepare,
    .forward = forward,
};
