/*
 * conv2d: y[n,k,p,q] = bias[k] + sum over c,r,s of weight[k,c,r,s] x[n,c, p stride + r dilation - pad, ...].
 *
 * Every product of that sum is visited in the same order in all passes: an output's, tap by tap. dx of an image
 * and dweight of a filter are each summed up by one thread.
 */
#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

enum { WEIGHT, BIAS };

typedef struct sizes {
    int64_t N, C, H, W, K, P, Q, R, S;
    int64_t channels, filters; /* of a group */
    const tn_conv2d_opts *o;
} sizes;

static sizes read_sizes(const tn_node *n)
{
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim, *w = n->param[WEIGHT].shape.dim;
    const tn_conv2d_opts *o = n->opts;
    return (sizes){x[0], x[1], x[2], x[3], y[1], y[2], y[3], w[2], w[3], w[1], y[1] / o->groups, o};
}

/* One output of one image: where it lies in y, and what its taps are. */
typedef struct place {
    int64_t n, k, p, q;
} place;

typedef void visit(void *arg, int64_t x, int64_t w);

static void for_each_tap(const sizes *s, place at, visit *body, void *arg)
{
    const int64_t first = at.k / s->filters * s->channels;
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t i = 0; i < s->R * s->S; i++) {
            const int64_t h = at.p * s->o->stride[0] + i / s->S * s->o->dilation[0] - s->o->pad[0];
            const int64_t w = at.q * s->o->stride[1] + i % s->S * s->o->dilation[1] - s->o->pad[1];
            if (h >= 0 && h < s->H && w >= 0 && w < s->W)
                body(arg, ((at.n * s->C + first + c) * s->H + h) * s->W + w,
                     (at.k * s->channels + c) * s->R * s->S + i);
        }
}

static int64_t index_of(const sizes *s, place at)
{
    return ((at.n * s->K + at.k) * s->P + at.p) * s->Q + at.q;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const int64_t x = tn_elements(&n->x[0]), w = tn_elements(&n->param[WEIGHT].shape);
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = b->training ? (size_t)(x > w ? x : w) * sizeof(double) : 0;
    return TN_OK;
}

/* ---- passes --------------------------------------------------------------------------------- */

typedef struct sum {
    const float *x, *w;
    double value;
} sum;

static void add_product(void *arg, int64_t x, int64_t w)
{
    sum *s = arg;
    s->value += (double)s->x[x] * (double)s->w[w];
}

static void find_y(const void *of, tn_piece planes)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *bias = c->w[BIAS];
    float *y = c->y[0];
    for (int64_t plane = planes.begin; plane < planes.end; plane++)
        for (int64_t i = 0; i < s.P * s.Q; i++) {
            const place at = {plane / s.K, plane % s.K, i / s.Q, i % s.Q};
            sum all = {c->x[0], c->w[WEIGHT], bias ? (double)bias[at.k] : 0};
            for_each_tap(&s, at, add_product, &all);
            y[index_of(&s, at)] = (float)all.value;
        }
}

static tn_status forward(const tn_call *c)
{
    const sizes s = read_sizes(c->node);
    tn_each(c->device, s.N * s.K, 1, find_y, c);
    return TN_OK;
}

/* What each tap of an output hands to dx, or to dweight. */
typedef struct spread {
    const float *other; /* the weights, or x */
    double dy, *to;
} spread;

static void spread_to_x(void *arg, int64_t x, int64_t w)
{
    spread *s = arg;
    s->to[x] += s->dy * (double)s->other[w];
}

static void spread_to_w(void *arg, int64_t x, int64_t w)
{
    spread *s = arg;
    s->to[w] += s->dy * (double)s->other[x];
}

static void find_dx(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *dy = c->dy[0];
    for (int64_t n = p.begin; n < p.end; n++)
        for (int64_t i = 0; i < s.K * s.P * s.Q; i++) {
            const place at = {n, i / (s.P * s.Q), i / s.Q % s.P, i % s.Q};
            spread one = {c->w[WEIGHT], (double)dy[index_of(&s, at)], c->scratch};
            for_each_tap(&s, at, spread_to_x, &one);
        }
}

static void find_dweight(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c->node);
    const float *dy = c->dy[0];
    for (int64_t k = p.begin; k < p.end; k++)
        for (int64_t i = 0; i < s.N * s.P * s.Q; i++) {
            const place at = {i / (s.P * s.Q), k, i / s.Q % s.P, i % s.Q};
            spread one = {c->x[0], (double)dy[index_of(&s, at)], c->scratch};
            for_each_tap(&s, at, spread_to_w, &one);
        }
}

static void find_dbias(const tn_call *c, const sizes *s)
{
    const float *dy = c->dy[0];
    float *dbias = c->dw[BIAS];
    const int64_t area = s->P * s->Q;
    for (int64_t k = 0; k < s->K; k++) {
        double all = 0;
        for (int64_t i = 0; i < s->N * area; i++)
            all += (double)dy[(i / area * s->K + k) * area + i % area];
        dbias[k] = (float)all;
    }
}

static tn_status backward(const tn_call *c)
{
    const sizes s = read_sizes(c->node);
    const int64_t count_x = tn_elements(&c->node->x[0]);
    const int64_t count_w = tn_elements(&c->node->param[WEIGHT].shape);
    if (c->dx[0]) {
        (void)tn_reference_sums(c, count_x);
        tn_each(c->device, s.N, 1, find_dx, c);
        tn_reference_store(c->dx[0], c->scratch, count_x);
    }
    if (c->dw[WEIGHT]) {
        (void)tn_reference_sums(c, count_w);
        tn_each(c->device, s.K, 1, find_dweight, c);
        tn_reference_store(c->dw[WEIGHT], c->scratch, count_w);
    }
    if (c->dw[BIAS])
        find_dbias(c, &s);
    return TN_OK;
}

const tn_kernel tn_reference_conv2d = {
    .op = "conv2d",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
