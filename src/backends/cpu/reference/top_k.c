/* top_k: an element's place among the results is how many of its line come before it. */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"
#include "tensor/first.h"

static int64_t count_before(const float *x, const tn_lines *l, tn_first order, int64_t i)
{
    int64_t count = 0;
    for (int64_t j = 0; j < l->size; j++)
        count += tn_comes_first(order, x[j * l->inner], j, x[i * l->inner], i);
    return count;
}

static void find_lines(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_top_k_opts *o = c->node->opts;
    const tn_lines l = tn_lines_along(&c->node->x[0], o->axis);
    for (int64_t line = p.begin; line < p.end; line++) {
        const float *x = (const float *)c->x[0] + tn_reference_line(&l, line);
        for (int64_t i = 0; i < l.size; i++) {
            const int64_t place = count_before(x, &l, (tn_first){o->smallest, o->last}, i);
            const int64_t to = (line / l.inner * o->k + place) * l.inner + line % l.inner;
            if (place >= o->k)
                continue;
            if (c->y[0])
                ((float *)c->y[0])[to] = x[i * l.inner];
            if (c->y[1])
                ((int32_t *)c->y[1])[to] = (int32_t)i;
        }
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_top_k_opts *o = c->node->opts;
    const tn_lines l = tn_lines_along(&c->node->x[0], o->axis);
    tn_each(c->device, l.outer * l.inner, 1, find_lines, c);
    return TN_OK;
}

const tn_kernel tn_reference_top_k = {
    .op = "top_k",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = tn_reference_prepare,
    .forward = forward,
};
