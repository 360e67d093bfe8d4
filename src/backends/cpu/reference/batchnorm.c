/*
 * batchnorm: y = weight (x - mean) / sqrt(var + epsilon) + bias, a channel at a time.
 *
 * In training the rows that hold a sample are the batch; in others y and dx are 0. With weight and bias frozen mean and
 * var are the running ones in training too, constants: dx = weight / sqrt(var + epsilon) dy.
 *
 *   With h = (x - mean) / sqrt(var + epsilon), and sums over the m elements of a channel,
 *   dbias = sum of dy     dweight = sum of dy h
 *   dx = weight / sqrt(var + epsilon) (dy - dbias / m - h dweight / m)
 */
#include <math.h>

#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

typedef struct sizes {
    int64_t all, N, C, area; /* rows, those of them that count */
    double epsilon;
} sizes;

/* Are statistics those of the batch? */
static bool measures(const tn_call *c)
{
    return c->run->training && !tn_is_frozen(c->node);
}

static sizes read_sizes(const tn_call *c)
{
    const tn_shape *x = &c->node->x[0];
    return (sizes){x->dim[0], measures(c) ? tn_run_rows(c->run, x) : x->dim[0], x->dim[1],
                   tn_elements(x) / (x->dim[0] * x->dim[1]),
                   (double)((const tn_batchnorm_opts *)c->node->opts)->epsilon};
}

/* Element i of channel c, counted through all images. */
static int64_t at(const sizes *s, int64_t c, int64_t i)
{
    return (i / s->area * s->C + c) * s->area + i % s->area;
}

typedef struct statistics {
    double mean, var;
} statistics;

static statistics measure(const sizes *s, const float *x, int64_t c)
{
    const int64_t count = s->N * s->area;
    statistics m = {0};
    for (int64_t i = 0; i < count; i++)
        m.mean += (double)x[at(s, c, i)] / (double)count;
    for (int64_t i = 0; i < count; i++)
        m.var += pow((double)x[at(s, c, i)] - m.mean, 2) / (double)count;
    return m;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const bool frozen = tn_is_frozen(n);
    if (b->shares > 0 && !frozen)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "batchnorm %s: the reference takes statistics of its own rows", n->name);
    if (b->training && !frozen && tn_elements(&n->x[0]) == n->x[0].dim[1])
        return tn_fail(
            TN_ERR_SHAPE,
            "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
            n->name, tn_shape_format(&n->x[0]).text);
    return tn_reference_prepare(d, n, b);
}

static void move_running(const tn_call *c, const sizes *s, int64_t k, const statistics *m)
{
    const double momentum = (double)((const tn_batchnorm_opts *)c->node->opts)->momentum;
    const double count = (double)(s->N * s->area);
    float *mean = (float *)c->w[RUNNING_MEAN] + k, *var = (float *)c->w[RUNNING_VAR] + k;
    *mean = (float)((1 - momentum) * (double)*mean + momentum * m->mean);
    *var = (float)((1 - momentum) * (double)*var + momentum * m->var * count / (count - 1));
}

static tn_status forward(const tn_call *c)
{
    const sizes s = read_sizes(c);
    const float *x = c->x[0], *weight = c->w[WEIGHT], *bias = c->w[BIAS];
    const float *mean = c->w[RUNNING_MEAN], *var = c->w[RUNNING_VAR];
    float *y = c->y[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s.C; k++) {
        statistics m = {(double)mean[k], (double)var[k]};
        if (measures(c)) {
            m = measure(&s, x, k);
            if (s.N * s.area > 1)
                move_running(c, &s, k, &m);
        }
        const double scale = (double)weight[k] / sqrt(m.var + s.epsilon);
        for (int64_t i = 0; i < s.N * s.area; i++)
            y[at(&s, k, i)] = (float)(((double)x[at(&s, k, i)] - m.mean) * scale + (double)bias[k]);
        for (int64_t i = s.N * s.area; i < s.all * s.area; i++)
            y[at(&s, k, i)] = 0;
    }
    return TN_OK;
}

static void channel_backward(const tn_call *c, const sizes *s, int64_t k)
{
    const float *x = c->x[0], *dy = c->dy, *weight = c->w[WEIGHT];
    float *dx = c->dx[0], *dweight = c->dw[WEIGHT], *dbias = c->dw[BIAS];
    const bool constant = tn_is_frozen(c->node);
    const float *mean = c->w[RUNNING_MEAN], *var = c->w[RUNNING_VAR];
    const statistics m =
        constant ? (statistics){(double)mean[k], (double)var[k]} : measure(s, x, k);
    const double inverse = 1 / sqrt(m.var + s->epsilon);
    const int64_t count = s->N * s->area;
    double sum = 0, product = 0;
    for (int64_t i = 0; !constant && i < count; i++) {
        const int64_t j = at(s, k, i);
        sum += (double)dy[j];
        product += (double)dy[j] * ((double)x[j] - m.mean) * inverse;
    }
    for (int64_t i = 0; dx && i < s->all * s->area; i++) {
        const int64_t j = at(s, k, i);
        const double h = ((double)x[j] - m.mean) * inverse;
        dx[j] = i < count ? (float)((double)weight[k] * inverse *
                                    ((double)dy[j] - (sum + h * product) / (double)count))
                          : 0;
    }
    if (dweight)
        dweight[k] = (float)product;
    if (dbias)
        dbias[k] = (float)sum;
}

static tn_status backward(const tn_call *c)
{
    const sizes s = read_sizes(c);
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s.C; k++)
        channel_backward(c, &s, k);
    return TN_OK;
}

const tn_kernel tn_reference_batchnorm = {
    .op = "batchnorm",
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
