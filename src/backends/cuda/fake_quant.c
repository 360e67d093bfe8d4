/* fake_quant by kernels of our own: one finds the scales where none is given, the other rounds. */
#include "backends/cuda/kernels/fake_quant.h"

#include "backends/cuda/elementwise/elementwise.h"

typedef struct quant {
    tn_elementwise each; /* first: TN_ELEMENTWISE() takes the state for one */
    tn_grid grid;
    bool found;
    float scale; /* of the options */
} quant;

static tn_status supports(const tn_node *n)
{
    if (tn_elements(&n->x[0]) <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "fake_quant %s: x %s is too large", n->name,
                   tn_shape_format(&n->x[0]).text);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_grid grid = tn_grid_of(n);
    if (b->dx[1])
        return tn_fail(TN_ERR_UNSUPPORTED, "fake_quant %s: its scales have no gradient", n->name);
    TN_TRY(grid.lines.size > 1 ? tn_cuda_want_rows(d, n, b, 0) : tn_cuda_want_any(d, n, b, 0));
    quant *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("fake_quant", sizeof *s);
    *s = (quant){.each = tn_elementwise_of(d, n, b),
                 .grid = grid,
                 .found = tn_grid_is_found(n),
                 .scale = ((const tn_fake_quant_opts *)n->opts)->scale};
    if (grid.lines.size == 1) /* what fills it up is 0, and stays so */
        s->grid.lines.inner = s->each.count;
    b->x[1] = NULL;
    b->y[0] = b->x[0];
    b->scratch_bytes = s->found ? (size_t)grid.lines.size * sizeof(float) : 0;
    b->backward_reads_x[0] = !s->found;
    b->backward_reads_x[1] = n->num_in > 1;
    b->inplace = b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static tn_status find_scales(const tn_call *c)
{
    const quant *s = c->state;
    const tn_lines *l = &s->grid.lines;
    struct tnk_fake_quant_scales_args a = {.x = c->x[0],
                                           .scales = c->scratch,
                                           .high = s->grid.high,
                                           .outer = l->outer,
                                           .channels = l->size,
                                           .inner = l->inner};
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->each.dtype, tnk_fake_quant_scales,
                           tn_cuda_grid(c->device, l->size * TN_CUDA_BLOCK), TN_CUDA_BLOCK, 0,
                           c->device->compute, &a));
    return TN_OK;
}

static tn_status round_all(const tn_call *c, const void *dy, void *to)
{
    const quant *s = c->state;
    struct tnk_fake_quant_args a = {.x = c->x[0],
                                    .dy = dy,
                                    .to = to,
                                    .scales = s->found              ? c->scratch
                                              : c->node->num_in > 1 ? c->x[1]
                                                                    : NULL,
                                    .scale = s->scale,
                                    .low = s->grid.low,
                                    .high = s->grid.high,
                                    .count = s->each.count,
                                    .inner = tnk_divisor_of(s->grid.lines.inner),
                                    .channels = tnk_divisor_of(s->grid.lines.size)};
    TN_ELEMENTWISE(c, tnk_fake_quant, &a);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const quant *s = c->state;
    if (s->found)
        TN_TRY(find_scales(c));
    return round_all(c, NULL, c->y[0]);
}

/* By a scale that was found in x nothing is clamped. */
static tn_status backward(const tn_call *c)
{
    const quant *s = c->state;
    if (!c->dx[0])
        return TN_OK;
    return s->found ? tn_elementwise_copy(c, c->dx[0], c->dy[0]) : round_all(c, c->dy[0], c->dx[0]);
}

const tn_kernel tn_cuda_fake_quant = {
    .op = "fake_quant",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
