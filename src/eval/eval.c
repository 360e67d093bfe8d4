/*
 * eval: what a classifier got right, row by row.
 *
 *   loss    mean of log(sum over k of exp(x[k] - m)) - (x[label] - m), m = max x; of shares: -log x[label]
 *   top k   rows for which fewer than k classes come before the label: larger numbers, and equal ones of lower classes
 *
 * Of each row label and answer are kept, not a K x K matrix: of many classes most of that is 0.
 */
#include <math.h>
#include <stdlib.h>

#include <tenon/eval.h>

#include "base/base.h"

/* label * (K + 1) + answer + 1: keys sort as the matrix is read. */
typedef int64_t key;

struct tn_eval {
    int classes, top_k;
    bool shares;
    double loss; /* a sum */
    tn_eval_total sum;
    int64_t *rows, *right, *said; /* a class each */
    key *seen;                    /* a row each */
    size_t capacity;
    tn_eval_cell *cell;
};

tn_status tn_eval_create(tn_eval **out, const tn_eval_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(opts, "opts");
    int top_k = opts->top_k;
    TN_COMPLETE(top_k, 5);
    if (opts->classes < 1)
        return tn_fail(TN_ERR_ARGUMENT, "eval: classes %d is not above 0", opts->classes);
    if (top_k < 1)
        return tn_fail(TN_ERR_ARGUMENT, "eval: top_k %d is not above 0", top_k);
    const size_t classes = (size_t)opts->classes;
    tn_eval *e = tn_alloc(1, sizeof *e);
    if (e) {
        e->rows = tn_alloc(classes, sizeof *e->rows);
        e->right = tn_alloc(classes, sizeof *e->right);
        e->said = tn_alloc(classes, sizeof *e->said);
    }
    if (!e || !e->rows || !e->right || !e->said) {
        tn_eval_destroy(e);
        return tn_no_memory("eval: counts of classes", 3 * classes * sizeof(int64_t));
    }
    e->classes = opts->classes;
    e->top_k = top_k < opts->classes ? top_k : opts->classes;
    e->shares = opts->shares;
    *out = e;
    return TN_OK;
}

void tn_eval_destroy(tn_eval *eval)
{
    if (!eval)
        return;
    tn_free(eval->rows);
    tn_free(eval->right);
    tn_free(eval->said);
    tn_free(eval->seen);
    tn_free(eval->cell);
    tn_free(eval);
}

void tn_eval_clear(tn_eval *eval)
{
    if (!eval)
        return;
    for (int k = 0; k < eval->classes; k++)
        eval->rows[k] = eval->right[k] = eval->said[k] = 0;
    eval->sum = (tn_eval_total){0};
    eval->loss = 0;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static tn_status check(const tn_eval *e, const tn_tensor *logits, const tn_tensor *labels)
{
    const tn_shape *x = &logits->shape, *l = &labels->shape;
    if (logits->dtype != TN_F32 || labels->dtype != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "eval: logits are %s and labels %s, not f32 and i32",
                       tn_dtype_name(logits->dtype), tn_dtype_name(labels->dtype));
    if (x->ndim != 2 || x->dim[1] != e->classes || l->ndim != 1 || l->dim[0] != x->dim[0])
        return tn_fail(TN_ERR_SHAPE, "eval: logits are %s and labels %s, not N x %d and N",
                       tn_shape_format(x).text, tn_shape_format(l).text, e->classes);
    TN_NEED(logits->data, "logits");
    TN_NEED(labels->data, "labels");
    const int32_t *label = labels->data;
    for (int64_t i = 0; i < l->dim[0]; i++)
        if (label[i] < -1 || label[i] >= e->classes)
            return tn_fail(TN_ERR_ARGUMENT, "eval: label %d in row %lld is not in [0, %d) nor -1",
                           (int)label[i], (long long)i, e->classes);
    return TN_OK;
}

static tn_status make_room(tn_eval *e, int64_t more)
{
    size_t wanted = e->capacity ? e->capacity : 1024;
    while (wanted < (size_t)(e->sum.rows + more))
        wanted *= 2;
    if (wanted == e->capacity)
        return TN_OK;
    key *seen = tn_alloc(wanted, sizeof *seen);
    if (!seen)
        return tn_no_memory("eval: rows", wanted * sizeof *seen);
    for (int64_t i = 0; i < e->sum.rows; i++)
        seen[i] = e->seen[i];
    tn_free(e->seen);
    e->seen = seen;
    e->capacity = wanted;
    return TN_OK;
}

int tn_eval_answer(const float *numbers, int classes)
{
    int best = numbers && classes > 0 ? 0 : -1;
    for (int k = 0; k < classes && best >= 0; k++) {
        if (isnan(numbers[k]) || (isinf(numbers[k]) && numbers[k] > 0))
            return -1;
        best = numbers[k] > numbers[best] ? k : best;
    }
    return best;
}

static double loss_of(const tn_eval *e, const float *x, int answer, int label)
{
    if (e->shares)
        return -log((double)x[label]);
    const double most = (double)x[answer];
    double sum = 0;
    for (int k = 0; k < e->classes; k++)
        sum += exp((double)x[k] - most);
    return log(sum) - ((double)x[label] - most);
}

static int before_label(const tn_eval *e, const float *x, int label)
{
    int before = 0;
    for (int k = 0; k < e->classes; k++)
        before += x[k] > x[label] || (x[k] == x[label] && k < label);
    return before;
}

static void add_row(tn_eval *e, const float *x, int label)
{
    const int answer = tn_eval_answer(x, e->classes);
    e->seen[e->sum.rows++] = (key)label * ((key)e->classes + 1) + answer + 1;
    e->rows[label]++;
    if (answer < 0) {
        e->sum.unsaid++;
        e->loss = NAN;
        return;
    }
    e->loss += loss_of(e, x, answer, label);
    e->said[answer]++;
    e->right[label] += answer == label;
    e->sum.top_1 += answer == label;
    e->sum.top_k += before_label(e, x, label) < e->top_k;
}

tn_status tn_eval_add(tn_eval *eval, tn_tensor logits, tn_tensor labels)
{
    TN_NEED(eval, "eval");
    TN_TRY(check(eval, &logits, &labels));
    TN_TRY(make_room(eval, labels.shape.dim[0]));
    const float *x = logits.data;
    const int32_t *label = labels.data;
    for (int64_t i = 0; i < labels.shape.dim[0]; i++)
        if (label[i] >= 0)
            add_row(eval, x + i * eval->classes, label[i]);
    return TN_OK;
}

/* ---- asking --------------------------------------------------------------------------------- */

tn_eval_total tn_eval_sum(const tn_eval *eval)
{
    if (!eval)
        return (tn_eval_total){0};
    tn_eval_total sum = eval->sum;
    sum.loss = sum.rows ? eval->loss / (double)sum.rows : (double)NAN;
    return sum;
}

static double share_of(int64_t part, int64_t of)
{
    return of ? (double)part / (double)of : (double)NAN;
}

tn_eval_class tn_eval_class_of(const tn_eval *eval, int label)
{
    if (!eval || label < 0 || label >= eval->classes)
        return (tn_eval_class){0};
    const int64_t rows = eval->rows[label], right = eval->right[label], said = eval->said[label];
    return (tn_eval_class){rows, right, said, share_of(right, rows), share_of(right, said)};
}

static int by_key(const void *a, const void *b)
{
    const key x = *(const key *)a, y = *(const key *)b;
    return (x > y) - (x < y);
}

tn_status tn_eval_confusion(tn_eval *eval, const tn_eval_cell **cells, int64_t *count)
{
    TN_NEED(eval, "eval");
    TN_NEED(cells, "cells");
    TN_NEED(count, "count");
    const int64_t rows = eval->sum.rows, width = (int64_t)eval->classes + 1;
    int64_t found = 0;
    if (rows > 0)
        qsort(eval->seen, (size_t)rows, sizeof *eval->seen, by_key);
    for (int64_t i = 0; i < rows; i++)
        found += i == 0 || eval->seen[i] != eval->seen[i - 1];
    tn_eval_cell *cell = tn_alloc((size_t)(found ? found : 1), sizeof *cell);
    if (!cell)
        return tn_no_memory("eval: the confusion matrix", (size_t)found * sizeof *cell);
    int64_t at = -1;
    for (int64_t i = 0; i < rows; i++) {
        const key k = eval->seen[i];
        if (i == 0 || k != eval->seen[i - 1])
            cell[++at] = (tn_eval_cell){(int)(k / width), (int)(k % width) - 1, 0};
        cell[at].rows++;
    }
    tn_free(eval->cell);
    eval->cell = cell;
    *cells = cell;
    *count = found;
    return TN_OK;
}
