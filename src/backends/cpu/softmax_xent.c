/*
 * softmax_xent on the CPU: a thread a row. A row's loss is in double, and rows are added in their
 * order, so that the loss is the same for any number of threads.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "base/base.h"

/* What a row adds to the results. */
typedef struct row_result {
    double loss;
    int64_t better; /* classes above the label */
} row_result;

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    const size_t rows = (size_t)n->x[0].dim[0], classes = (size_t)n->x[0].dim[1];
    b->x[0] = b->x[1] = NULL;
    b->scratch_bytes = rows * sizeof(row_result);
    b->saved_bytes = b->training ? rows * classes * sizeof(float) : 0;
    return TN_OK;
}

/* How many rows have a label. */
static tn_status count_labels(const tn_node *n, const int32_t *label, int64_t *counted)
{
    const int64_t rows = n->x[0].dim[0], classes = n->x[0].dim[1];
    *counted = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (label[i] < -1 || label[i] >= classes)
            return tn_fail(TN_ERR_ARGUMENT,
                           "softmax_xent %s: label %d in row %lld is not in [0, %lld) nor -1",
                           n->name, (int)label[i], (long long)i, (long long)classes);
        *counted += label[i] >= 0;
    }
    return TN_OK;
}

/* One row. dx, if not NULL, becomes the gradient, times `scale`. */
static row_result one_row(const float *x, int64_t classes, int32_t label, double smoothing,
                          float scale, float *dx)
{
    float max = x[0];
    for (int64_t k = 1; k < classes; k++)
        max = x[k] > max ? x[k] : max;

    /* Of exponentials; of logits where smoothing wants it; and classes that are not below the label
     * (a NaN is not below anything). */
    double sum = 0, logits = 0;
    int64_t better = 0;
    for (int64_t k = 0; k < classes; k++) {
        const float e = expf(x[k] - max);
        sum += (double)e;
        logits += (double)x[k] - (double)max;
        better += !(x[k] < x[label] || (x[k] == x[label] && k >= label));
        if (dx)
            dx[k] = e;
    }

    const double log_sum = log(sum);
    double loss = (1 - smoothing) * (log_sum - ((double)x[label] - (double)max));
    if (smoothing > 0) /* or 0 times an infinite logit would be NaN */
        loss += smoothing * (log_sum - logits / (double)classes);
    if (dx) {
        const double even = smoothing / (double)classes;
        for (int64_t k = 0; k < classes; k++) {
            const double target = even + (k == label ? 1 - smoothing : 0);
            dx[k] = scale * (float)((double)dx[k] / sum - target);
        }
    }
    return (row_result){loss, isnan(sum) ? classes : better};
}

static tn_status forward(const tn_call *c)
{
    const tn_softmax_xent_opts *o = c->node->opts;
    const int64_t rows = c->node->x[0].dim[0], classes = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    row_result *result = c->scratch;
    int64_t counted;
    TN_TRY(count_labels(c->node, label, &counted));
    const float share = c->run->share_rows, rows_of_mean = share > 0 ? share
                                                           : counted ? (float)counted
                                                                     : 1;

    float *dlogits = c->run->training ? c->saved : NULL;
    const float scale = 1 / rows_of_mean;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < rows; n++) {
        float *dx = dlogits ? dlogits + n * classes : NULL;
        if (label[n] >= 0)
            result[n] = one_row((const float *)c->x[0] + n * classes, classes, label[n],
                                (double)o->label_smoothing, scale, dx);
        else if (dx)
            memset(dx, 0, (size_t)classes * sizeof *dx);
    }

    double loss = 0;
    int32_t top_1 = 0, top_k = 0;
    for (int64_t n = 0; n < rows; n++) {
        if (label[n] < 0)
            continue;
        loss += result[n].loss;
        top_1 += result[n].better < 1;
        top_k += result[n].better < o->top_k;
    }
    if (c->y[0])
        *(float *)c->y[0] = (float)(loss / (double)rows_of_mean);
    if (c->y[1])
        *(int32_t *)c->y[1] = top_1;
    if (c->y[2])
        *(int32_t *)c->y[2] = top_k;
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *saved = c->saved;
    const float dy = *(const float *)c->dy[0];
    float *dx = c->dx[0];
    if (!dx)
        return TN_OK;
#pragma omp parallel for simd num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < count; i++)
        dx[i] = dy * saved[i];
    return TN_OK;
}

const tn_kernel tn_cpu_softmax_xent = {
    .op = "softmax_xent",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
