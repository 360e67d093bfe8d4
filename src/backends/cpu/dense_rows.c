/* dense of a few images, forward alone, for inference; see dense/rows.h. Training reads w three times a step,
 * by tiles, which suit the other two passes too. Weights that lie in fewer bits than f32 are read there. Of others on a grid of whole
 * numbers of 8 bits (fake_quant) it keeps a scale a row, then these numbers. */
#include "backends/cpu/dense/rows.h"
#include "backends/cpu/whole/whole.h"
#include "base/base.h"

typedef struct rows {
    const tn_dense_code *code;
    tn_stored w;   /* `at` is NULL: what forward() is given, or keeps */
    tn_whole grid; /* of what it keeps */
} rows;

static const tn_dense_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_dense_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_dense_avx2,
    [TN_CPU_AVX512] = &tn_dense_avx512,
#endif
};

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "dense %s: not by rows: %s", n->name, why);
}

static tn_status supports(const tn_node *n)
{
    _Static_assert(TN_DENSE_IMAGES == 4, "the text below says so");
    return n->x[0].dim[0] > TN_DENSE_IMAGES ? refuse(n, "more than 4 images") : TN_OK;
}

/* Whole numbers are those of the grid, whose scales are found in them; others are w itself. */
static bool reads_stored(const tn_binding *b, const tn_whole *grid)
{
    const tn_stored *w = &b->stored[0];
    if (!w->at || w->dtype != TN_U8)
        return w->at && !b->maker[0];
    return grid && !grid->each && grid->one == 0 && grid->high == w->most;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    const tn_shape *w = &n->param[0].shape;
    const size_t bytes = (size_t)w->dim[0] * (sizeof(float) + (size_t)w->dim[1]);
    if (b->training)
        return refuse(n, "it is trained");
    rows *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("dense", sizeof *s);
    s->code = code_of[tn_cpu_isa_here()];
    const bool whole = tn_whole_of(n, b, &s->grid);
    if (reads_stored(b, whole ? &s->grid : NULL)) {
        s->w = b->stored[0];
        b->reads_stored[0] = true;
        b->does_maker[0] = whole;
    } else if (whole && bytes <= b->spare) {
        s->w.dtype = TN_U8;
        b->does_maker[0] = b->kept_of[0] = true;
        b->kept_bytes = bytes;
        b->kept_form = tn_whole_form(&s->grid);
    }
    b->x[0] = NULL;
    b->state = s;
    return TN_OK;
}

static void arrange_rows(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_whole *g = &((const rows *)c->state)->grid;
    const float *w = c->w[0];
    float *scale = c->kept;
    int8_t *whole = (int8_t *)(scale + g->rows);
    for (int64_t k = p.begin; k < p.end; k++)
        scale[k] = tn_whole_row(g, k, w + k * g->columns, whole + k * g->columns);
}

static tn_status arrange(const tn_call *c)
{
    tn_each(c->device, ((const rows *)c->state)->grid.rows, 1, arrange_rows, c);
    return TN_OK;
}

typedef struct job {
    tn_dense_rows all;
    int64_t count; /* rows at once */
    void (*run)(const tn_dense_rows *all, int64_t k);
} job;

static void multiply(const void *of, tn_piece p)
{
    const job *j = of;
    for (int64_t i = p.begin; i < p.end; i++)
        j->run(&j->all, i * j->count);
}

static tn_status forward(const tn_call *c)
{
    const rows *s = c->state;
    const tn_node *n = c->node;
    const int64_t images = n->x[0].dim[0], K = n->y[0].dim[1];
    const float *scale = c->kept;
    const tn_dense_rows all = {.K = K,
                               .D = tn_elements(&n->x[0]) / images,
                               .x = c->x[0],
                               .w = s->w.at ? s->w.at
                                    : scale ? scale + K
                                            : c->w[0],
                               .scale = s->w.at ? s->w.scale : scale,
                               .bias = c->w[1],
                               .relu = tn_has_post(n, TN_POST_RELU),
                               .y = c->y[0]};
    const int count = s->code->of[images - 1].rows;
    const job j = {all, count, s->code->of[images - 1].run[s->w.dtype]};
    tn_each(c->device, (K + count - 1) / count, 1 + TN_FLOATS / (count * all.D), multiply, &j);
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    const rows *s = state;
    return s->code->name[s->w.dtype];
}

const tn_kernel tn_cpu_dense_rows = {
    .op = "dense",
    .name = "rows",
    .rank = 1,
    .posts = {{TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .arrange = arrange,
    .forward = forward,
    .release = release,
    .describe = describe,
};
