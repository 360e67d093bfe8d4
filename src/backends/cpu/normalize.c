/*
 * normalize on the CPU: groups are shared out among threads. dweight and dbias are sums over images: these are cut into
 * stretches, each of which adds up its own, so that the sums are the same for any number of threads.
 */
#include "backends/cpu/normalize/normalize.h"

#include "backends/cpu/device/cpu.h"
#include "base/base.h"

enum { STRETCHES = 32 };

static const tn_norm_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_norm_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_norm_avx2,
    [TN_CPU_AVX512] = &tn_norm_avx512,
#endif
};

typedef struct norm {
    tn_norm_sizes s;
    const tn_norm_code *code;
    const float *weight, *bias; /* NULL: none */
    float *dweight, *dbias;     /* not asked for, or none */
    int64_t count;              /* elements of a group */
    int64_t stretches;
} norm;

static int64_t stretches_of(const tn_norm_sizes *s)
{
    return tn_cpu_lower(s->images, STRETCHES);
}

static norm begin(const tn_call *c)
{
    const tn_normalize_opts *o = c->node->opts;
    const int bias = o->no_weight ? 0 : 1;
    norm k = {.s = tn_norm_sizes_of(&c->node->x[0], o), .code = code_of[tn_cpu_isa_here()]};
    k.count = k.s.channels * k.s.area;
    k.stretches = stretches_of(&k.s);
    if (!o->no_weight) {
        k.weight = c->w[0];
        k.dweight = c->dw[0];
    }
    if (!o->no_bias) {
        k.bias = c->w[bias];
        k.dbias = c->dw[bias];
    }
    return k;
}

static tn_norm_group group_of(const norm *k, int64_t group)
{
    const int64_t first = group * k->s.channels;
    return (tn_norm_group){k->s.channels, k->s.area, k->weight ? k->weight + first : NULL,
                           k->bias ? k->bias + first : NULL};
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    const tn_norm_sizes s = tn_norm_sizes_of(&n->x[0], n->opts);
    b->x[0] = NULL;
    b->backward_reads_x[0] = true;
    b->inplace = !b->training;
    b->inplace_backward = true;
    if (!b->training)
        return TN_OK;
    b->saved_bytes = (size_t)(s.images * s.groups) * sizeof(tn_norm_saved);
    b->scratch_bytes = 2 * (size_t)(stretches_of(&s) * s.groups * s.channels) * sizeof(double);
    return TN_OK;
}

static void forward_groups(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const norm k = begin(c);
    const double epsilon = (double)((const tn_normalize_opts *)c->node->opts)->epsilon;
    tn_norm_saved *saved = c->run->training ? c->saved : NULL;
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t i = p.begin; i < p.end; i++) {
        const tn_norm_group g = group_of(&k, i % k.s.groups);
        const tn_norm_saved s = k.code->forward(&g, x + i * k.count, epsilon, y + i * k.count);
        if (saved)
            saved[i] = s;
    }
}

static tn_status forward(const tn_call *c)
{
    const norm k = begin(c);
    tn_each(c->device, k.s.images * k.s.groups, 1 + TN_FLOATS / k.count, forward_groups, c);
    return TN_OK;
}

static int64_t channels_of(const norm *k)
{
    return k->s.groups * k->s.channels;
}

static void sum_up(const norm *k, const double *part, int64_t i, float *to)
{
    double sum = 0;
    for (int64_t j = 0; j < k->stretches && to; j++)
        sum += part[2 * j * channels_of(k) + i];
    if (to)
        to[i] = (float)sum;
}

/* What all stretches have found. */
static void add_up(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const norm k = begin(c);
    const double *part = c->scratch;
    for (int64_t i = p.begin; i < p.end; i++) {
        sum_up(&k, part, i, k.dweight);
        sum_up(&k, part + channels_of(&k), i, k.dbias);
    }
}

static void backward_groups(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const norm k = begin(c);
    const tn_norm_saved *saved = c->saved;
    const int64_t channels = channels_of(&k);
    const float *x = c->x[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    double *part = c->scratch; /* of each stretch: products, then sums */
    for (int64_t item = p.begin; item < p.end; item++) {
        const int64_t j = item / k.s.groups, i = item % k.s.groups;
        const tn_norm_group g = group_of(&k, i);
        const tn_piece images = tn_part(k.s.images, k.stretches, j);
        double *product = part + 2 * j * channels + i * k.s.channels;
        double *sum = product + channels;
        memset(product, 0, (size_t)k.s.channels * sizeof *product);
        memset(sum, 0, (size_t)k.s.channels * sizeof *sum);
        for (int64_t n = images.begin; n < images.end; n++) {
            const int64_t at = n * k.s.groups + i;
            k.code->backward(&g, &saved[at], x + at * k.count, dy + at * k.count, product, sum,
                             dx ? dx + at * k.count : NULL);
        }
    }
}

static tn_status backward(const tn_call *c)
{
    const norm k = begin(c);
    tn_each(c->device, k.stretches * k.s.groups, 1, backward_groups, c);
    if (k.dweight || k.dbias)
        tn_each(c->device, channels_of(&k), TN_FLOATS / STRETCHES, add_up, c);
    return TN_OK;
}

const tn_kernel tn_cpu_normalize = {
    .op = "normalize",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
