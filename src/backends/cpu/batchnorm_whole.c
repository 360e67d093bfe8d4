/*
 * batchnorm with the statistics of the whole batch, of which this device has one of several equal shares: two
 * sums over all devices forward and one backward. Plain loops (batchnorm/loops.h) in the canonical layout.
 *
 * Rows that hold a sample need not be as many in each share. With m, v the mean and variance of this one's and p
 * its part of all such rows
 *     mean = sum of p m        var = sum of p (v + (m - mean)^2)
 * dweight and dbias stay those of this share: the plan sums up gradients. Saved: mean, var.
 */
#include <string.h>

#include "backends/cpu/batchnorm/loops.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_shape *x = &n->x[0];
    const size_t bytes = (size_t)x->dim[1] * sizeof(float);
    (void)d;
    if (b->shares == 0 || tn_is_frozen(n))
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: nothing is to be summed up over devices",
                       n->name);
    if (b->training)
        TN_TRY(tn_bn_check_count(n, tn_elements(x) / x->dim[1] * b->shares));
    b->x[0] = NULL;
    b->saved_bytes = 2 * bytes;
    b->scratch_bytes = 2 * bytes;
    b->backward_reads_x[0] = true;
    return TN_OK;
}

static tn_bn begin(const tn_call *c)
{
    const tn_bn_places at = tn_bn_canonical(&c->node->x[0]);
    float *mean = c->saved;
    return tn_bn_begin(c, &at, mean, mean ? mean + at.channels : NULL);
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* Elements of a channel in all shares. */
static double count_all(const tn_call *c, const tn_bn *s)
{
    return (double)(tn_run_all_rows(c->run, c->node) * s->at.area);
}

static tn_status find_statistics(const tn_call *c, const tn_bn *s)
{
    const int64_t all = tn_run_all_rows(c->run, c->node);
    const float part = all > 0 ? (float)((double)s->rows / (double)all) : 0;
    float *mean = c->scratch;
    tn_bn_measure(s, c->x[0]);
    for (int64_t k = 0; k < s->at.channels; k++)
        mean[k] = part * s->mean[k];
    TN_TRY(sum_up(c, mean, s->at.channels));
    for (int64_t k = 0; k < s->at.channels; k++) {
        const float off = s->mean[k] - mean[k];
        s->mean[k] = mean[k];
        s->var[k] = part * (s->var[k] + off * off);
    }
    return sum_up(c, s->var, s->at.channels);
}

static tn_status forward(const tn_call *c)
{
    tn_bn s = begin(c);
    if (c->run->training) {
        TN_TRY(find_statistics(c, &s));
        tn_bn_move(c, s.mean, s.var, count_all(c, &s));
    } else {
        s.rows = s.batch;
        s.mean = c->w[TN_BN_RUNNING_MEAN];
        s.var = c->w[TN_BN_RUNNING_VAR];
    }
    tn_bn_apply(&s, c->x[0], c->w[TN_BN_WEIGHT], c->w[TN_BN_BIAS], c->y[0]);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_bn s = begin(c);
    const size_t bytes = (size_t)s.at.channels * sizeof(float);
    float *dbias = c->scratch, *dweight = dbias + s.at.channels;
    tn_bn_sums(&s, c->x[0], c->dy[0], dbias, dweight);
    if (c->dw[TN_BN_BIAS])
        memcpy(c->dw[TN_BN_BIAS], dbias, bytes);
    if (c->dw[TN_BN_WEIGHT])
        memcpy(c->dw[TN_BN_WEIGHT], dweight, bytes);
    if (!c->dx[0])
        return TN_OK;
    TN_TRY(sum_up(c, dbias, 2 * s.at.channels));
    tn_bn_dx(&s, c->x[0], c->dy[0], c->w[TN_BN_WEIGHT], dbias, dweight, count_all(c, &s), c->dx[0]);
    return TN_OK;
}

const tn_kernel tn_cpu_batchnorm_whole = {
    .op = "batchnorm",
    .name = "whole",
    .rank = 2,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
