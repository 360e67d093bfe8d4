/* reduce: all elements of x for one of y, rows without a sample left out; layers/reduce.c has the rules. */
#include <math.h>

#include "backends/cpu/reference/_index.h"
#include "base/base.h"

static bool is_over(const tn_node *n, int axis)
{
    const tn_shape *axes = &((const tn_reduce_opts *)n->opts)->axes;
    for (int i = 0; i < axes->ndim; i++)
        if (axes->dim[i] == axis)
            return true;
    return false;
}

static bool counts_rows(const tn_node *n)
{
    return n->x_batch[0] == 0 && is_over(n, 0);
}

/* The element of y that number i of x belongs to; -1: to none, its row holds no sample. */
static int64_t target_of(const tn_call *c, int64_t i)
{
    const tn_node *n = c->node;
    int64_t x[TN_MAX_DIMS], y[TN_MAX_DIMS];
    int ndim = 0;
    tn_reference_index(&n->x[0], i, x);
    if (counts_rows(n) && x[0] >= tn_run_rows(c->run, n))
        return -1;
    for (int k = 0; k < n->x[0].ndim; k++)
        if (!is_over(n, k) || n->y[0].ndim == n->x[0].ndim)
            y[ndim++] = is_over(n, k) ? 0 : x[k];
    return tn_reference_number(&n->y[0], y);
}

/* What a mean divides by. */
static double count_of(const tn_call *c)
{
    const tn_node *n = c->node;
    const int shares = c->run->shares > 0 ? c->run->shares : 1;
    double count = (double)tn_elements(&n->x[0]) / (double)tn_elements(&n->y[0]);
    if (counts_rows(n))
        count *= (double)tn_run_all_rows(c->run, n) / shares / (double)n->x[0].dim[0];
    return count;
}

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool wins(tn_reduce_kind kind, float a, float b)
{
    return (kind == TN_REDUCE_MAX ? a > b : a < b) || isnan(a);
}

static tn_reduce_kind kind_of(const tn_call *c)
{
    return ((const tn_reduce_opts *)c->node->opts)->kind;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = (size_t)tn_elements(&n->y[0]) * sizeof(double);
    b->backward_reads_y = true;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const tn_reduce_kind kind = kind_of(c);
    const int64_t outputs = tn_elements(&c->node->y[0]);
    const float *x = c->x[0];
    float *y = c->y[0];
    double *sum = tn_reference_sums(c, outputs);
    if (kind == TN_REDUCE_MAX || kind == TN_REDUCE_MIN)
        for (int64_t i = 0; i < outputs; i++)
            sum[i] = kind == TN_REDUCE_MAX ? -INFINITY : INFINITY;
    int64_t rows = 0;
    for (int64_t i = 0; i < tn_elements(&c->node->x[0]); i++) {
        const int64_t to = target_of(c, i);
        rows += to >= 0;
        if (to >= 0 && kind <= TN_REDUCE_SUM)
            sum[to] += (double)x[i];
        else if (to >= 0 && wins(kind, x[i], (float)sum[to]))
            sum[to] = (double)x[i];
    }
    for (int64_t i = 0; i < outputs; i++)
        y[i] = rows == 0 ? 0 : (float)(kind == TN_REDUCE_MEAN ? sum[i] / count_of(c) : sum[i]);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_reduce_kind kind = kind_of(c);
    const bool picks = kind == TN_REDUCE_MAX || kind == TN_REDUCE_MIN;
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *x = c->x[0], *y = c->y[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    if (!dx)
        return TN_OK;
    double *equal = tn_reference_sums(c, tn_elements(&c->node->y[0]));
    for (int64_t i = 0; picks && i < count; i++) {
        const int64_t to = target_of(c, i);
        if (to >= 0)
            equal[to] += same(x[i], y[to]);
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t to = target_of(c, i);
        if (to < 0)
            dx[i] = 0;
        else if (picks)
            dx[i] = same(x[i], y[to]) ? (float)((double)dy[to] / equal[to]) : 0;
        else
            dx[i] = (float)((double)dy[to] / (kind == TN_REDUCE_MEAN ? count_of(c) : 1));
    }
    return TN_OK;
}

const tn_kernel tn_reference_reduce = {
    .op = "reduce",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
