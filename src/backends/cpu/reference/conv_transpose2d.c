/*
 * conv_transpose2d: y[n,k, p stride + r dilation - pad, ...] = bias[k] + sum of weight[c,k,r,s] x[n,c,p,...].
 *
 * Each pass visits all products weight * x that y has, in the same order. What several add to is summed up in double, all
 * of y in scratch memory.
 */
#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

enum { WEIGHT, BIAS };

typedef struct sizes {
    int64_t N, C, H, W, K, P, Q, R, S;
    int64_t channels, filters; /* of a group */
    const tn_conv_transpose2d_opts *o;
} sizes;

static sizes read_sizes(const tn_node *n)
{
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim, *w = n->param[WEIGHT].shape.dim;
    const tn_conv_transpose2d_opts *o = n->opts;
    return (sizes){x[0], x[1], x[2], x[3], y[1], y[2], y[3], w[2], w[3], x[1] / o->groups, w[1], o};
}

/* The places in x, w and y of one product. */
typedef void visit(void *arg, int64_t x, int64_t w, int64_t y);

/* All products of one pixel of x. */
static void for_each_tap(const sizes *s, int64_t x, visit *body, void *arg)
{
    const int64_t n = x / (s->C * s->H * s->W), c = x / (s->H * s->W) % s->C;
    const int64_t h = x / s->W % s->H, w = x % s->W;
    for (int64_t k = 0; k < s->filters; k++)
        for (int64_t i = 0; i < s->R * s->S; i++) {
            const int64_t p = h * s->o->stride[0] + i / s->S * s->o->dilation[0] - s->o->pad[0];
            const int64_t q = w * s->o->stride[1] + i % s->S * s->o->dilation[1] - s->o->pad[1];
            const int64_t filter = c / s->channels * s->filters + k;
            if (p >= 0 && p < s->P && q >= 0 && q < s->Q)
                body(arg, x, (c * s->filters + k) * s->R * s->S + i,
                     ((n * s->K + filter) * s->P + p) * s->Q + q);
        }
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const int64_t y = tn_elements(&n->y[0]), w = tn_elements(&n->param[WEIGHT].shape);
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = (size_t)(y > w ? y : w) * sizeof(double);
    return TN_OK;
}

typedef struct operands {
    const float *x, *w, *dy;
    double *sum; /* what the pass is about: y, dweight, or one number of dx */
} operands;

static void add_to_y(void *arg, int64_t x, int64_t w, int64_t y)
{
    const operands *o = arg;
    o->sum[y] += (double)o->x[x] * (double)o->w[w];
}

static void add_to_dx(void *arg, int64_t x, int64_t w, int64_t y)
{
    (void)x;
    const operands *o = arg;
    *o->sum += (double)o->dy[y] * (double)o->w[w];
}

static void add_to_dweight(void *arg, int64_t x, int64_t w, int64_t y)
{
    const operands *o = arg;
    o->sum[w] += (double)o->x[x] * (double)o->dy[y];
}

static tn_status forward(const tn_call *c)
{
    const sizes s = read_sizes(c->node);
    const int64_t count = tn_elements(&c->node->y[0]);
    const float *bias = c->w[BIAS];
    operands o = {.x = c->x[0], .w = c->w[WEIGHT], .sum = tn_reference_sums(c, count)};
    for (int64_t i = 0; bias && i < count; i++)
        o.sum[i] = (double)bias[i / (s.P * s.Q) % s.K];
    for (int64_t x = 0; x < tn_elements(&c->node->x[0]); x++)
        for_each_tap(&s, x, add_to_y, &o);
    tn_reference_store(c->y[0], o.sum, count);
    return TN_OK;
}

static void find_dbias(const tn_call *c, const sizes *s)
{
    const float *dy = c->dy[0];
    const int64_t area = s->P * s->Q;
    for (int64_t k = 0; k < s->K; k++) {
        double all = 0;
        for (int64_t i = 0; i < s->N * area; i++)
            all += (double)dy[(i / area * s->K + k) * area + i % area];
        ((float *)c->dw[BIAS])[k] = (float)all;
    }
}

static tn_status backward(const tn_call *c)
{
    const sizes s = read_sizes(c->node);
    const int64_t pixels = tn_elements(&c->node->x[0]);
    operands o = {.x = c->x[0], .w = c->w[WEIGHT], .dy = c->dy[0]};
    for (int64_t x = 0; c->dx[0] && x < pixels; x++) {
        double sum = 0;
        o.sum = &sum;
        for_each_tap(&s, x, add_to_dx, &o);
        ((float *)c->dx[0])[x] = (float)sum;
    }
    if (c->dw[WEIGHT]) {
        const int64_t count = tn_elements(&c->node->param[WEIGHT].shape);
        o.sum = tn_reference_sums(c, count);
        for (int64_t x = 0; x < pixels; x++)
            for_each_tap(&s, x, add_to_dweight, &o);
        tn_reference_store(c->dw[WEIGHT], o.sum, count);
    }
    if (c->dw[BIAS])
        find_dbias(c, &s);
    return TN_OK;
}

const tn_kernel tn_reference_conv_transpose2d = {
    .op = "conv_transpose2d",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
