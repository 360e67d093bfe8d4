/*
 * batchnorm: y = weight (x - mean) / sqrt(var + epsilon) + bias, a channel at a time.
 *
 * In training the rows that hold a sample are the batch; in others y and dx are 0. With weight and bias frozen mean and
 * var are the running ones in training too, constants: dx = weight / sqrt(var + epsilon) dy.
 *
 *   With h = (x - mean) / sqrt(var + epsilon), and sums over the m elements of a channel,
 *   dbias = sum of dy     dweight = sum of dy h
 *   dx = weight / sqrt(var + epsilon) (dy - dbias / m - h dweight / m)
 *
 * With the statistics of the whole batch, of which this device has a share (sync_batchnorm), mean, var, m and the two sums
 * in dx are those over all devices: with m, v of a share's rows and p its part of all,
 * mean = sum of p m, var = sum of p (v + (m - mean)^2). Saved then: mean, var.
 */
#include <math.h>

#include "backends/cpu/reference/_reference.h"
#include "base/base.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

typedef struct sizes {
    int64_t all, N, C, area; /* rows, those of them that count */
    int64_t count;           /* elements of a channel that a mean is over, on all devices */
    double epsilon;
} sizes;

/* Are statistics those of the batch? */
static bool measures(const tn_call *c)
{
    return c->run->training && !tn_is_frozen(c->node);
}

/* And those of the whole batch? Only then is anything saved. */
static bool sums_up(const tn_call *c)
{
    return measures(c) && c->saved;
}

static sizes read_sizes(const tn_call *c)
{
    const tn_shape *x = &c->node->x[0];
    sizes s = {.all = x->dim[0],
               .N = measures(c) ? tn_run_rows(c->run, c->node) : x->dim[0],
               .C = x->dim[1],
               .area = tn_elements(x) / (x->dim[0] * x->dim[1]),
               .epsilon = (double)((const tn_batchnorm_opts *)c->node->opts)->epsilon};
    s.count = (sums_up(c) ? tn_run_all_rows(c->run, c->node) : s.N) * s.area;
    return s;
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
    const int64_t shares = b->shares > 0 ? b->shares : 1;
    if (b->training && !frozen && tn_elements(&n->x[0]) / n->x[0].dim[1] * shares == 1)
        return tn_fail(
            TN_ERR_SHAPE,
            "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
            n->name, tn_shape_format(&n->x[0]).text);
    if (b->shares > 0 && !frozen)
        b->saved_bytes = b->scratch_bytes = 2 * (size_t)n->x[0].dim[1] * sizeof(float);
    return tn_reference_prepare(d, n, b);
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* Saves the statistics of the whole batch. */
static tn_status measure_all(const tn_call *c, const sizes *s)
{
    const double part = s->count > 0 ? (double)(s->N * s->area) / (double)s->count : 0;
    float *mean = c->saved, *var = mean + s->C;
    for (int64_t k = 0; k < s->C; k++)
        mean[k] = (float)(part * measure(s, c->x[0], k).mean);
    TN_TRY(sum_up(c, mean, s->C));
    for (int64_t k = 0; k < s->C; k++) {
        const statistics m = measure(s, c->x[0], k);
        var[k] = (float)(part * (m.var + pow(m.mean - (double)mean[k], 2)));
    }
    return sum_up(c, var, s->C);
}

/* What channel k is normalised with. */
static statistics statistics_of(const tn_call *c, const sizes *s, int64_t k)
{
    const float *mean = c->w[RUNNING_MEAN], *var = c->w[RUNNING_VAR];
    if (measures(c) && !c->saved)
        return measure(s, c->x[0], k);
    if (measures(c)) {
        mean = c->saved;
        var = mean + s->C;
    }
    return (statistics){(double)mean[k], (double)var[k]};
}

static void move_running(const tn_call *c, const sizes *s, int64_t k, const statistics *m)
{
    const double momentum = (double)((const tn_batchnorm_opts *)c->node->opts)->momentum;
    const double count = (double)s->count;
    float *mean = (float *)c->w[RUNNING_MEAN] + k, *var = (float *)c->w[RUNNING_VAR] + k;
    *mean = (float)((1 - momentum) * (double)*mean + momentum * m->mean);
    *var = (float)((1 - momentum) * (double)*var + momentum * m->var * count / (count - 1));
}

static void normalise(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c);
    const float *x = c->x[0], *weight = c->w[WEIGHT], *bias = c->w[BIAS];
    float *y = c->y[0];
    for (int64_t k = p.begin; k < p.end; k++) {
        const statistics m = statistics_of(c, &s, k);
        if (measures(c) && s.count > 1)
            move_running(c, &s, k, &m);
        const double scale = (double)weight[k] / sqrt(m.var + s.epsilon);
        for (int64_t i = 0; i < s.N * s.area; i++)
            y[at(&s, k, i)] = (float)(((double)x[at(&s, k, i)] - m.mean) * scale + (double)bias[k]);
        for (int64_t i = s.N * s.area; i < s.all * s.area; i++)
            y[at(&s, k, i)] = 0;
    }
}

static tn_status forward(const tn_call *c)
{
    const sizes s = read_sizes(c);
    if (sums_up(c))
        TN_TRY(measure_all(c, &s));
    tn_each(c->device, s.C, 1, normalise, c);
    return TN_OK;
}

/* Over the rows of this device: of dy, and of dy h. */
static void add_up(const tn_call *c, const sizes *s, int64_t k, double *sum, double *product)
{
    const float *x = c->x[0], *dy = c->dy[0];
    const statistics m = statistics_of(c, s, k);
    const double inverse = 1 / sqrt(m.var + s->epsilon);
    *sum = *product = 0;
    for (int64_t i = 0; i < s->N * s->area; i++) {
        const int64_t j = at(s, k, i);
        *sum += (double)dy[j];
        *product += (double)dy[j] * ((double)x[j] - m.mean) * inverse;
    }
    if (c->dw[WEIGHT])
        ((float *)c->dw[WEIGHT])[k] = (float)*product;
    if (c->dw[BIAS])
        ((float *)c->dw[BIAS])[k] = (float)*sum;
}

static void write_dx(const tn_call *c, const sizes *s, int64_t k, double sum, double product)
{
    const float *x = c->x[0], *dy = c->dy[0], *weight = c->w[WEIGHT];
    const statistics m = statistics_of(c, s, k);
    const double inverse = 1 / sqrt(m.var + s->epsilon);
    float *dx = c->dx[0];
    for (int64_t i = 0; i < s->all * s->area; i++) {
        const int64_t j = at(s, k, i);
        const double h = ((double)x[j] - m.mean) * inverse;
        dx[j] = i < s->N * s->area
                    ? (float)((double)weight[k] * inverse *
                              ((double)dy[j] - (sum + h * product) / (double)s->count))
                    : 0;
    }
}

static tn_status backward_whole(const tn_call *c, const sizes *s)
{
    float *sum = c->scratch, *product = sum + s->C;
    for (int64_t k = 0; k < s->C; k++) {
        double a, b;
        add_up(c, s, k, &a, &b);
        sum[k] = (float)a;
        product[k] = (float)b;
    }
    if (!c->dx[0])
        return TN_OK;
    TN_TRY(sum_up(c, sum, 2 * s->C));
    for (int64_t k = 0; k < s->C; k++)
        write_dx(c, s, k, (double)sum[k], (double)product[k]);
    return TN_OK;
}

static void differentiate(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const sizes s = read_sizes(c);
    for (int64_t k = p.begin; k < p.end; k++) {
        double sum = 0, product = 0;
        if (measures(c))
            add_up(c, &s, k, &sum, &product);
        if (c->dx[0])
            write_dx(c, &s, k, sum, product);
    }
}

static tn_status backward(const tn_call *c)
{
    const sizes s = read_sizes(c);
    if (sums_up(c))
        return backward_whole(c, &s);
    tn_each(c->device, s.C, 1, differentiate, c);
    return TN_OK;
}

const tn_kernel tn_reference_batchnorm = {
    .op = "batchnorm",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
