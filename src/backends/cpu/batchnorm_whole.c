/*
 * batchnorm with the statistics of the whole batch, of which this device has one of several equal shares: two
 * sums over all devices forward and one backward. Plain loops, canonical layout, a thread a channel.
 *
 * Shares are equally large, so with m, v the mean and variance of this one and R their number
 *     mean = (sum of m) / R        var = (sum of v + (m - mean)^2) / R
 * dweight and dbias stay those of this share: the plan sums up gradients. Saved: mean, var.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/_cpu.h"
#include "base/base.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

/* One call: x is rows x channels x area. */
typedef struct batchnorm {
    int64_t rows, channels, area;
    double count; /* of a channel's elements in this share */
    float epsilon, *mean, *var;
} batchnorm;

static batchnorm begin(const tn_call *c)
{
    const tn_shape *x = &c->node->x[0];
    batchnorm s = {.rows = x->dim[0], .channels = x->dim[1], .mean = c->saved};
    s.area = tn_elements(x) / (s.rows * s.channels);
    s.count = (double)(s.rows * s.area);
    s.epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon;
    s.var = s.mean ? s.mean + s.channels : NULL;
    return s;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const size_t bytes = (size_t)n->x[0].dim[1] * sizeof(float);
    (void)d;
    if (b->shares == 0)
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: nothing is to be summed up over devices",
                       n->name);
    b->x[0] = NULL;
    b->saved_bytes = 2 * bytes;
    b->scratch_bytes = 2 * bytes;
    b->backward_reads_x[0] = true;
    return TN_OK;
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* ---- forward -------------------------------------------------------------------------------- */

/* Mean, and mean squared distance from it, of channel k. */
static void measure(const batchnorm *s, const float *x, int64_t k)
{
    double mean = 0, var = 0;
    for (int64_t n = 0; n < s->rows; n++)
        for (int64_t i = 0; i < s->area; i++)
            mean += (double)x[(n * s->channels + k) * s->area + i];
    mean /= s->count;
    for (int64_t n = 0; n < s->rows; n++)
        for (int64_t i = 0; i < s->area; i++) {
            const double off = (double)x[(n * s->channels + k) * s->area + i] - mean;
            var += off * off;
        }
    s->mean[k] = (float)mean;
    s->var[k] = (float)(var / s->count);
}

static tn_status find_statistics(const tn_call *c, const batchnorm *s)
{
    const float shares = (float)c->run->shares;
    float *sum = c->scratch;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s->channels; k++)
        measure(s, c->x[0], k);
    memcpy(sum, s->mean, (size_t)s->channels * sizeof *sum);
    TN_TRY(sum_up(c, sum, s->channels));
    for (int64_t k = 0; k < s->channels; k++) {
        const float mean = sum[k] / shares, off = s->mean[k] - mean;
        s->mean[k] = mean;
        s->var[k] += off * off;
    }
    TN_TRY(sum_up(c, s->var, s->channels));
    for (int64_t k = 0; k < s->channels; k++)
        s->var[k] /= shares;
    return TN_OK;
}

static void move_running(const tn_call *c, const batchnorm *s)
{
    const float momentum = ((const tn_batchnorm_opts *)c->node->opts)->momentum;
    const double whole = s->count * c->run->shares;
    const float unbiased = (float)(whole / (whole - 1));
    float *mean = c->w[RUNNING_MEAN], *var = c->w[RUNNING_VAR];
    for (int64_t k = 0; k < s->channels; k++) {
        mean[k] += momentum * (s->mean[k] - mean[k]);
        var[k] += momentum * (s->var[k] * unbiased - var[k]);
    }
}

static tn_status forward(const tn_call *c)
{
    const batchnorm s = begin(c);
    const bool training = c->run->training;
    if (training) {
        TN_TRY(find_statistics(c, &s));
        move_running(c, &s);
    }
    const float *mean = training ? s.mean : c->w[RUNNING_MEAN];
    const float *var = training ? s.var : c->w[RUNNING_VAR];
    const float *weight = c->w[WEIGHT], *bias = c->w[BIAS], *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s.channels; k++) {
        const float scale = weight[k] / sqrtf(var[k] + s.epsilon);
        for (int64_t n = 0; n < s.rows; n++)
            for (int64_t i = 0; i < s.area; i++) {
                const int64_t at = (n * s.channels + k) * s.area + i;
                y[at] = (x[at] - mean[k]) * scale + bias[k];
            }
    }
    return TN_OK;
}

/* ---- backward ------------------------------------------------------------------------------- */

/* sum[2 k] is that of dy, sum[2 k + 1] that of dy z. */
static void add_up(const tn_call *c, const batchnorm *s, float *sum)
{
    const float *x = c->x[0], *dy = c->dy;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s->channels; k++) {
        const float inverse = 1 / sqrtf(s->var[k] + s->epsilon);
        double plain = 0, with_z = 0;
        for (int64_t n = 0; n < s->rows; n++)
            for (int64_t i = 0; i < s->area; i++) {
                const int64_t at = (n * s->channels + k) * s->area + i;
                plain += (double)dy[at];
                with_z += (double)dy[at] * (double)((x[at] - s->mean[k]) * inverse);
            }
        sum[2 * k] = (float)plain;
        sum[2 * k + 1] = (float)with_z;
    }
}

static void find_dx(const tn_call *c, const batchnorm *s, const float *sum)
{
    const float *x = c->x[0], *dy = c->dy, *weight = c->w[WEIGHT];
    const float count = (float)(s->count * c->run->shares);
    float *dx = c->dx[0];
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < s->channels; k++) {
        const float inverse = 1 / sqrtf(s->var[k] + s->epsilon);
        const float plain = sum[2 * k] / count, with_z = sum[2 * k + 1] / count;
        for (int64_t n = 0; n < s->rows; n++)
            for (int64_t i = 0; i < s->area; i++) {
                const int64_t at = (n * s->channels + k) * s->area + i;
                const float z = (x[at] - s->mean[k]) * inverse;
                dx[at] = weight[k] * inverse * (dy[at] - plain - z * with_z);
            }
    }
}

static tn_status backward(const tn_call *c)
{
    const batchnorm s = begin(c);
    float *sum = c->scratch, *dweight = c->dw[WEIGHT], *dbias = c->dw[BIAS];
    add_up(c, &s, sum);
    for (int64_t k = 0; k < s.channels; k++) {
        if (dbias)
            dbias[k] = sum[2 * k];
        if (dweight)
            dweight[k] = sum[2 * k + 1];
    }
    if (!c->dx[0])
        return TN_OK;
    TN_TRY(sum_up(c, sum, 2 * s.channels));
    find_dx(c, &s, sum);
    return TN_OK;
}

const tn_kernel tn_cpu_batchnorm_whole = {
    .op = "batchnorm",
    .name = "whole",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
