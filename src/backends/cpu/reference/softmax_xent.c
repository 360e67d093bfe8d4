/*
 * softmax_xent: the mean over rows with a label of -sum over k of target[k] log softmax(x)[k], where target is
 * (1 - e) on the label plus e / K everywhere;   dx[n,k] = dloss (softmax(x)[n,k] - target[k]) / rows.
 */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"
#include "base/base.h"

/* Rows with a label, or what the whole batch has of them where this is a share. */
static tn_status count_rows(const tn_call *c, double *rows)
{
    const int64_t N = c->node->x[0].dim[0], K = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    int64_t labelled = 0;
    for (int64_t n = 0; n < N; n++) {
        if (label[n] < -1 || label[n] >= K)
            return tn_fail(TN_ERR_ARGUMENT,
                           "softmax_xent %s: label %d in row %lld is not in [0, %lld) nor -1",
                           c->node->name, (int)label[n], (long long)n, (long long)K);
        labelled += label[n] >= 0;
    }
    *rows = c->run->share_rows > 0 ? (double)c->run->share_rows : labelled ? (double)labelled : 1;
    return TN_OK;
}

static double target_of(const tn_node *n, int64_t k, int32_t label)
{
    const double smoothing = (double)((const tn_softmax_xent_opts *)n->opts)->label_smoothing;
    return smoothing / (double)n->x[0].dim[1] + (k == label ? 1 - smoothing : 0);
}

/* Classes that come before the label: larger logits, and equal ones of a lower class. All, if there is a NaN. */
static int64_t count_better(const float *x, int64_t K, int32_t label)
{
    int64_t better = 0;
    for (int64_t k = 0; k < K; k++) {
        if (isnan(x[k]))
            return K;
        better += x[k] > x[label] || (x[k] == x[label] && k < label);
    }
    return better;
}

static tn_status forward(const tn_call *c)
{
    const tn_softmax_xent_opts *o = c->node->opts;
    const int64_t N = c->node->x[0].dim[0], K = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    double rows = 0, loss = 0;
    int32_t top_1 = 0, top_k = 0;
    TN_TRY(count_rows(c, &rows));
    for (int64_t n = 0; n < N; n++) {
        const float *x = (const float *)c->x[0] + n * K;
        if (label[n] < 0)
            continue;
        const double log_sum = tn_reference_log_sum(x, K, 1);
        for (int64_t k = 0; k < K; k++)
            if (target_of(c->node, k, label[n]) > 0) /* 0 times an infinite logit is NaN */
                loss += target_of(c->node, k, label[n]) * (log_sum - (double)x[k]);
        const int64_t better = count_better(x, K, label[n]);
        top_1 += better < 1;
        top_k += better < o->top_k;
    }
    if (c->y[0])
        *(float *)c->y[0] = (float)(loss / rows);
    if (c->y[1])
        *(int32_t *)c->y[1] = top_1;
    if (c->y[2])
        *(int32_t *)c->y[2] = top_k;
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t N = c->node->x[0].dim[0], K = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    const double dy = (double)*(const float *)c->dy[0];
    float *dx = c->dx[0];
    double rows = 0;
    if (!dx)
        return TN_OK;
    TN_TRY(count_rows(c, &rows));
    for (int64_t n = 0; n < N; n++) {
        const float *x = (const float *)c->x[0] + n * K;
        const double log_sum = tn_reference_log_sum(x, K, 1);
        for (int64_t k = 0; k < K; k++) {
            const double off = exp((double)x[k] - log_sum) - target_of(c->node, k, label[n]);
            dx[n * K + k] = label[n] < 0 ? 0 : (float)(dy * off / rows);
        }
    }
    return TN_OK;
}

const tn_kernel tn_reference_softmax_xent = {
    .op = "softmax_xent",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
