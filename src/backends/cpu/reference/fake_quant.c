/* fake_quant: y = (clamp(round(x / scale) + zero, lo, hi) - zero) scale. In f32, as others have it: which of two whole numbers
 * is nearer is to be the same everywhere. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (b->dx[1])
        return tn_fail(TN_ERR_UNSUPPORTED, "fake_quant %s: its scales have no gradient", n->name);
    return tn_reference_prepare(d, n, b);
}

static float scale_of(const tn_call *c, const tn_grid *g, int64_t channel)
{
    const tn_lines *l = &g->lines;
    const float *x = c->x[0];
    float most = 0;
    if (c->node->num_in > 1)
        return ((const float *)c->x[1])[channel];
    if (!tn_grid_is_found(c->node))
        return ((const tn_fake_quant_opts *)c->node->opts)->scale;
    for (int64_t i = 0; i < l->outer * l->size * l->inner; i++)
        if (i / l->inner % l->size == channel && fabsf(x[i]) > most)
            most = fabsf(x[i]);
    return most > 0 ? most / g->high : 1;
}

/* To y, or with dy to dx. */
static void run(const tn_call *c, const float *dy, float *to)
{
    const tn_grid g = tn_grid_of(c->node);
    const float *x = c->x[0];
    for (int64_t channel = 0; channel < g.lines.size; channel++) {
        const float scale = scale_of(c, &g, channel);
        for (int64_t o = 0; o < g.lines.outer; o++)
            for (int64_t i = 0; i < g.lines.inner; i++) {
                const int64_t at = (o * g.lines.size + channel) * g.lines.inner + i;
                const float whole = rintf(x[at] / scale);
                const bool below = whole<g.low, above = whole> g.high;
                if (dy)
                    to[at] = below || above ? 0 : dy[at];
                else
                    to[at] = (below ? g.low : above ? g.high : whole) * scale;
            }
    }
}

static tn_status forward(const tn_call *c)
{
    run(c, NULL, c->y[0]);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        run(c, c->dy[0], c->dx[0]);
    return TN_OK;
}

const tn_kernel tn_reference_fake_quant = {
    .op = "fake_quant",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
