/* normalize: y = weight z + bias, z = (x - mean) / sqrt(var + epsilon) in each group; gradients as layers/normalize.c. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

/* One group of one image. */
typedef struct group {
    int64_t at, count; /* first element; elements */
    int64_t channel;   /* first of it, counted through all groups */
    double mean, inverse;
} group;

typedef struct norm {
    tn_norm_sizes s;
    const tn_normalize_opts *o;
    int bias; /* which parameter it is, -1: none */
} norm;

static norm read_norm(const tn_node *n)
{
    const tn_normalize_opts *o = n->opts;
    return (norm){tn_norm_sizes_of(&n->x[0], o), o, o->no_bias ? -1 : n->num_params - 1};
}

static group measure(const norm *k, const float *x, int64_t i)
{
    group g = {.count = k->s.channels * k->s.area, .channel = i % k->s.groups * k->s.channels};
    double var = 0;
    g.at = i * g.count;
    for (int64_t j = g.at; j < g.at + g.count; j++)
        g.mean += (double)x[j] / (double)g.count;
    for (int64_t j = g.at; j < g.at + g.count; j++)
        var += pow((double)x[j] - g.mean, 2) / (double)g.count;
    g.inverse = 1 / sqrt(var + (double)k->o->epsilon);
    return g;
}

/* Element j of a group: its channel's number. */
static int64_t channel_of(const norm *k, const group *g, int64_t j)
{
    return g->channel + j / k->s.area;
}

static tn_status forward(const tn_call *c)
{
    const norm k = read_norm(c->node);
    const float *x = c->x[0], *weight = k.o->no_weight ? NULL : c->w[0];
    const float *bias = k.bias < 0 ? NULL : c->w[k.bias];
    float *y = c->y[0];
    for (int64_t i = 0; i < k.s.images * k.s.groups; i++) {
        const group g = measure(&k, x, i);
        for (int64_t j = 0; j < g.count; j++) {
            const int64_t at = channel_of(&k, &g, j);
            const double z = ((double)x[g.at + j] - g.mean) * g.inverse;
            y[g.at + j] =
                (float)((weight ? (double)weight[at] : 1) * z + (bias ? (double)bias[at] : 0));
        }
    }
    return TN_OK;
}

/* For each channel the sums of dy and of dy z, in scratch. */
static void find_sums(const tn_call *c, const norm *k, double *sum, double *product)
{
    const float *x = c->x[0], *dy = c->dy[0];
    for (int64_t i = 0; i < k->s.images * k->s.groups; i++) {
        const group g = measure(k, x, i);
        for (int64_t j = 0; j < g.count; j++) {
            const double z = ((double)x[g.at + j] - g.mean) * g.inverse;
            sum[channel_of(k, &g, j)] += (double)dy[g.at + j];
            product[channel_of(k, &g, j)] += (double)dy[g.at + j] * z;
        }
    }
}

static void find_dx(const tn_call *c, const norm *k)
{
    const float *x = c->x[0], *dy = c->dy[0], *weight = k->o->no_weight ? NULL : c->w[0];
    float *dx = c->dx[0];
    for (int64_t i = 0; i < k->s.images * k->s.groups; i++) {
        const group g = measure(k, x, i);
        double mean = 0, slope = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < g.count; j++) {
                const double z = ((double)x[g.at + j] - g.mean) * g.inverse;
                const double u =
                    (double)dy[g.at + j] * (weight ? (double)weight[channel_of(k, &g, j)] : 1);
                if (pass == 1)
                    dx[g.at + j] = (float)(g.inverse * (u - mean - z * slope));
                mean += pass == 0 ? u / (double)g.count : 0;
                slope += pass == 0 ? u * z / (double)g.count : 0;
            }
    }
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const norm k = read_norm(n);
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = b->training ? 2 * (size_t)(k.s.groups * k.s.channels) * sizeof(double) : 0;
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const norm k = read_norm(c->node);
    const int64_t channels = k.s.groups * k.s.channels;
    double *sum = tn_reference_sums(c, 2 * channels), *product = sum + channels;
    find_sums(c, &k, sum, product);
    if (!k.o->no_weight && c->dw[0])
        tn_reference_store(c->dw[0], product, channels);
    if (k.bias >= 0 && c->dw[k.bias])
        tn_reference_store(c->dw[k.bias], sum, channels);
    if (c->dx[0])
        find_dx(c, &k);
    return TN_OK;
}

const tn_kernel tn_reference_normalize = {
    .op = "normalize",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
