/* fake_quant on the CPU: a function of x and of the scale of each line. */
#include <math.h>
#include <string.h>

#include "backends/cpu/elementwise/unary.h"
#include "base/base.h"

enum { TILE = 8192 /* elements that a thread does in one go */ };

TN_UNARY_LOOPS(fake_quant, loops);

typedef struct quant {
    tn_grid grid;
    bool found;
    float scale; /* of the options */
} quant;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    if (b->dx[1])
        return tn_fail(TN_ERR_UNSUPPORTED, "fake_quant %s: its scales have no gradient", n->name);
    quant *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("fake_quant", sizeof *s);
    *s = (quant){.grid = tn_grid_of(n),
                 .found = tn_grid_is_found(n),
                 .scale = ((const tn_fake_quant_opts *)n->opts)->scale};
    b->x[1] = NULL;
    if (s->grid.lines.size > 1)
        b->x[0] = NULL;
    if (b->x[0]) /* what fills it up is 0, and stays so */
        s->grid.lines.inner = (int64_t)(b->x[0]->bytes / sizeof(float));
    b->y[0] = b->x[0];
    b->scratch_bytes = s->found ? (size_t)s->grid.lines.size * sizeof(float) : 0;
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

/* The largest |x| of channel c over what hi is; 1 if all are 0. */
static float find_scale(const tn_grid *g, const float *x, int64_t c)
{
    const tn_lines *l = &g->lines;
    float most = 0;
    for (int64_t o = 0; o < l->outer; o++) {
        const float *line = x + (o * l->size + c) * l->inner;
#pragma omp simd reduction(max : most)
        for (int64_t i = 0; i < l->inner; i++)
            most = fabsf(line[i]) > most ? fabsf(line[i]) : most;
    }
    return most > 0 ? most / g->high : 1;
}

static void find_some(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const quant *s = c->state;
    for (int64_t i = p.begin; i < p.end; i++)
        ((float *)c->scratch)[i] = find_scale(&s->grid, c->x[0], i);
}

/* The scale of each channel; NULL: of the options. */
static const float *find_scales(const tn_call *c)
{
    const quant *s = c->state;
    if (!s->found)
        return c->node->num_in > 1 ? c->x[1] : NULL;
    tn_each(c->device, s->grid.lines.size, 1, find_some, c);
    return c->scratch;
}

typedef struct job {
    const tn_call *c;
    const float *scales, *dy;
    float *to;
} job;

static int64_t tiles_of(const quant *s)
{
    return (s->grid.lines.inner + TILE - 1) / TILE;
}

static void run_tiles(const void *of, tn_piece p)
{
    const job *j = of;
    const quant *s = j->c->state;
    const tn_lines *l = &s->grid.lines;
    const float *x = j->c->x[0], *scales = j->scales, *dy = j->dy;
    const tn_unary_loops *code = loops[tn_cpu_isa_here()];
    tn_unary_loop *const loop = dy ? code->dx : code->y;
    const int64_t tiles = tiles_of(s);
    for (int64_t i = p.begin; i < p.end; i++) {
        const int64_t line = i / tiles, first = i % tiles * TILE, at = line * l->inner + first;
        loop(&(tn_unary_run){
            .count = tn_cpu_lower(TILE, l->inner - first),
            .from = x + at,
            .dy = dy ? dy + at : NULL,
            .to = j->to + at,
            .k = {scales ? scales[line % l->size] : s->scale, s->grid.low, s->grid.high}});
    }
}

static void run(const tn_call *c, const float *scales, const float *dy, float *to)
{
    const quant *s = c->state;
    const tn_lines *l = &s->grid.lines;
    tn_each(c->device, l->outer * l->size * tiles_of(s), 1 + TN_FLOATS / l->inner, run_tiles,
            &(job){c, scales, dy, to});
}

static tn_status forward(const tn_call *c)
{
    run(c, find_scales(c), NULL, c->y[0]);
    return TN_OK;
}

/* By a scale that was found in x nothing is clamped. */
static tn_status backward(const tn_call *c)
{
    const quant *s = c->state;
    const size_t bytes =
        (size_t)(s->grid.lines.outer * s->grid.lines.size * s->grid.lines.inner) * sizeof(float);
    if (!c->dx[0])
        return TN_OK;
    if (!s->found)
        run(c, find_scales(c), c->dy[0], c->dx[0]);
    else if (c->dx[0] != c->dy[0])
        memcpy(c->dx[0], c->dy[0], bytes);
    return TN_OK;
}

const tn_kernel tn_cpu_fake_quant = {
    .op = "fake_quant",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
