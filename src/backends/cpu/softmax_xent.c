/*
 * softmax_xent on the CPU: a thread a row, or a tile of pixels. A label's loss is in double, and labels are added in their
 * order, so that the loss is the same for any number of threads.
 */
#include "backends/cpu/device/cpu.h"
#include "backends/cpu/softmax/xent.h"
#include "base/base.h"

static tn_xent_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = tn_xent_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = tn_xent_avx2,
    [TN_CPU_AVX512] = tn_xent_avx512,
#endif
};

/* Where things are in saved. */
typedef struct places {
    size_t dlogits, losses, bytes;
} places;

static places places_of(const tn_node *n, bool rows)
{
    places p = {0};
    p.dlogits = tn_cpu_part(&p.bytes, (size_t)tn_elements(&n->x[0]) * sizeof(float));
    p.losses = tn_cpu_part(&p.bytes, rows ? (size_t)tn_elements(&n->x[1]) * sizeof(float) : 0);
    return p;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    if (!TN_WHOLE)
        return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: engines need no loss", n->name);
    const tn_softmax_xent_opts *o = n->opts;
    const int rows = tn_xent_rows(o->weights), classes = tn_xent_classes(o->weights);
    if (classes && b->dx[classes])
        return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: weights of classes have no gradient",
                       n->name);
    for (int i = 0; i < n->num_in; i++)
        b->x[i] = NULL;
    b->scratch_bytes = (size_t)tn_elements(&n->x[1]) * sizeof(tn_xent_result);
    b->saved_bytes = b->training ? places_of(n, rows != 0).bytes : 0;
    return TN_OK;
}

static const float *input_of(const tn_call *c, int i)
{
    return i ? c->x[i] : NULL;
}

/* What the mean divides by: the labels that are there, or the weights of their classes. */
static tn_status find_divisor(const tn_call *c, const float *classes, double *divisor)
{
    const int64_t labels = tn_elements(&c->node->x[1]), K = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    double sum = 0;
    for (int64_t i = 0; i < labels; i++) {
        if (label[i] < -1 || label[i] >= K)
            return tn_fail(TN_ERR_ARGUMENT,
                           "softmax_xent %s: label %d in row %lld is not in [0, %lld) nor -1",
                           c->node->name, (int)label[i], (long long)i, (long long)K);
        if (label[i] >= 0)
            sum += classes ? (double)classes[label[i]] : 1;
    }
    const float share = c->run->share_rows[c->labels];
    *divisor = share > 0 ? (double)share : sum > 0 || sum < 0 ? sum : 1;
    return TN_OK;
}

static void add_up(const tn_call *c, const float *rows, double divisor, float *losses)
{
    const int top_k = ((const tn_softmax_xent_opts *)c->node->opts)->top_k;
    const tn_xent_result *result = c->scratch;
    double loss = 0;
    int32_t top_1 = 0, better = 0;
    for (int64_t i = 0; i < tn_elements(&c->node->x[1]); i++) {
        const tn_xent_result *r = &result[i];
        if (losses)
            losses[i] = (float)(r->loss / divisor);
        if (r->better < 0)
            continue;
        loss += rows ? r->loss * (double)rows[i] : r->loss;
        top_1 += r->better < 1;
        better += r->better < top_k;
    }
    if (c->y[0])
        *(float *)c->y[0] = (float)(loss / divisor);
    if (c->y[1])
        *(int32_t *)c->y[1] = top_1;
    if (c->y[2])
        *(int32_t *)c->y[2] = better;
}

/* All lines; tiles of `wide` pixels, `each` of them an image. */
typedef struct job {
    tn_lines all;
    tn_xent_lines first;
    int64_t wide, each;
} job;

static void find_tiles(const void *of, tn_piece p)
{
    const job *j = of;
    const tn_lines *all = &j->all;
    for (int64_t i = p.begin; i < p.end; i++) {
        const int64_t pixel = i % j->each * j->wide, first = i / j->each * all->inner + pixel;
        const int64_t at = i / j->each * all->size * all->inner + pixel;
        tn_xent_lines t = j->first;
        t.x += at;
        t.dx = t.dx ? t.dx + at : NULL;
        t.label += first;
        t.rows = t.rows ? t.rows + first : NULL;
        t.lines = tn_cpu_lower(j->wide, all->inner - pixel);
        t.result += first;
        code_of[tn_cpu_isa_here()](&t);
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_softmax_xent_opts *o = c->node->opts;
    const tn_lines all = tn_lines_along(&c->node->x[0], 1);
    const float *rows = input_of(c, tn_xent_rows(o->weights));
    const float *classes = input_of(c, tn_xent_classes(o->weights));
    const places p = places_of(c->node, rows != NULL);
    char *saved = c->run->training ? c->saved : NULL;
    double divisor = 1, weights = 0;
    TN_TRY(find_divisor(c, classes, &divisor));
    for (int64_t k = 0; k < all.size; k++)
        weights += classes ? (double)classes[k] : 1;

    job j = {.all = all, .wide = tn_cpu_lower(all.inner, TN_XENT_WIDE)};
    j.each = (all.inner + j.wide - 1) / j.wide;
    j.first = (tn_xent_lines){.x = c->x[0],
                              .dx = saved ? (float *)(void *)(saved + p.dlogits) : NULL,
                              .label = c->x[1],
                              .rows = rows,
                              .classes = classes,
                              .all_classes = weights,
                              .size = all.size,
                              .inner = all.inner,
                              .smoothing = (double)o->label_smoothing,
                              .scale = 1 / divisor,
                              .result = c->scratch};
    tn_each(c->device, all.outer * j.each, 1 + TN_FLOATS / 4 / (all.size * j.wide), find_tiles, &j);
    add_up(c, rows, divisor, saved && rows ? (float *)(void *)(saved + p.losses) : NULL);
    return TN_OK;
}

typedef struct product {
    const float *from;
    float dy, *to;
} product;

static void multiply_part(const void *of, tn_piece p)
{
    const product *m = of;
    const float *from = m->from, dy = m->dy;
    float *to = m->to;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        to[i] = dy * from[i];
}

static void multiply(const tn_call *c, size_t from, int64_t count, float *to)
{
    const float *saved = (const float *)(void *)((char *)c->saved + from);
    tn_each(c->device, count, TN_FLOATS, multiply_part,
            &(product){saved, *(const float *)c->dy[0], to});
}

static tn_status backward(const tn_call *c)
{
    const int rows = tn_xent_rows(((const tn_softmax_xent_opts *)c->node->opts)->weights);
    const places p = places_of(c->node, rows != 0);
    if (c->dx[0])
        multiply(c, p.dlogits, tn_elements(&c->node->x[0]), c->dx[0]);
    if (rows && c->dx[rows])
        multiply(c, p.losses, tn_elements(&c->node->x[1]), c->dx[rows]);
    return TN_OK;
}

const tn_kernel tn_cpu_softmax_xent = {
    .op = "softmax_xent",
    .prepare = prepare,
    .forward = TN_OF_WHOLE(forward),
    .backward = TN_BACKWARD(backward),
};
