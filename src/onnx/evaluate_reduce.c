/*
 * Sums and products over dimensions, and ranges.
 */
#include <math.h>
#include <string.h>

#include "onnx/evaluate.h"

/* ---- over dimensions -------------------------------------------------------------------------- */

typedef struct fold {
    const char *op;
    bool (*whole)(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);
} fold;

static const fold folds[] = {{"ReduceSum", tn_onnx_add_whole},
                             {"ReduceProd", tn_onnx_mul_whole},
                             {"ReduceMin", tn_onnx_min_whole},
                             {"ReduceMax", tn_onnx_max_whole}};

static bool join(const fold *f, bool real, tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y)
{
    if (!real)
        return f->whole(a, b, y);
    y->real = f->whole == tn_onnx_add_whole   ? a.real + b.real
              : f->whole == tn_onnx_mul_whole ? a.real * b.real
              : f->whole == tn_onnx_min_whole ? fmin(a.real, b.real)
                                              : fmax(a.real, b.real);
    return !a.times_n && !b.times_n;
}

/* The shape with 1 for what is reduced, and without it. */
static bool find_shapes(tn_onnx *o, const tn_onnx_node *n, tn_shape *kept, tn_shape *out)
{
    const tn_onnx_known *x = n->in[0]->known;
    int64_t axes[TN_MAX_DIMS];
    int count;
    if (!tn_onnx_plain_wholes(o, n, "axes", 1, axes, TN_MAX_DIMS, &count) ||
        (count < 1 && tn_onnx_int(n, "noop_with_empty_axes", 0)))
        return false;
    *kept = x->shape;
    *out = (tn_shape){0};
    for (int i = 0; i < kept->ndim && count < 1; i++)
        kept->dim[i] = 1;
    bool reduced[TN_MAX_DIMS] = {false};
    for (int i = 0; i < count; i++) {
        const int64_t axis = axes[i] + (axes[i] < 0 ? kept->ndim : 0);
        if (axis < 0 || axis >= kept->ndim)
            return false;
        kept->dim[axis] = 1;
        reduced[axis] = true;
    }
    for (int i = 0; i < kept->ndim; i++)
        if (tn_onnx_int(n, "keepdims", 1) || (count > 0 && !reduced[i]))
            out->dim[out->ndim++] = kept->dim[i];
    return true;
}

static tn_status reduce(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const fold *f = folds;
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    tn_onnx_number *y;
    tn_shape kept, shape;
    while (strcmp(f->op, n->op) != 0)
        f++;
    if (!x || n->in[0]->known->count == 0 || !find_shapes(o, n, &kept, &shape))
        return TN_OK;
    const tn_onnx_known *k = n->in[0]->known;
    bool *begun = tn_alloc((size_t)k->count, sizeof *begun);
    if (!begun)
        return tn_no_memory("a model", (size_t)k->count * sizeof *begun);
    const tn_status status = tn_onnx_new_output(o, n, k->type, &shape, &y);
    *done = status == TN_OK && y;
    for (int64_t i = 0; i < k->count && *done; i++) {
        const int64_t at = tn_onnx_place(&k->shape, &kept, i);
        if (begun[at])
            *done = join(f, tn_onnx_is_real(k->type), y[at], x[i], &y[at]);
        else
            y[at] = x[i];
        begun[at] = true;
    }
    tn_free(begun);
    return status;
}

/* ---- Range ------------------------------------------------------------------------------------ */

static double real_of(const tn_onnx_known *k, const tn_onnx_number *number)
{
    return tn_onnx_is_real(k->type) ? number->real : (double)number->whole;
}

static tn_status range(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    double of[3];
    tn_onnx_number *y;
    for (int i = 0; i < 3; i++) {
        const tn_onnx_number *number = tn_onnx_input_numbers(o, n, i);
        if (!number || n->in[i]->known->count != 1 || number->times_n)
            return TN_OK;
        of[i] = real_of(n->in[i]->known, number);
    }
    const double count = ceil((of[1] - of[0]) / of[2]);
    if (!(count <= TN_ONNX_MOST_NUMBERS))
        return TN_OK;
    const tn_onnx_type type = n->in[0]->known->type;
    for (int i = 0; i < 3 && !tn_onnx_is_real(type); i++)
        if (!(fabs(of[i]) < 0x1p53)) /* a double has no such integer */
            return TN_OK;
    const tn_shape shape = TN_SHAPE(count > 0 ? (int64_t)count : 0);
    TN_TRY(tn_onnx_new_output(o, n, type, &shape, &y));
    for (int64_t i = 0; i < shape.dim[0] && y; i++) {
        const double value = of[0] + (double)i * of[2];
        y[i] = tn_onnx_is_real(type) ? (tn_onnx_number){.real = value}
                                     : (tn_onnx_number){.whole = (int64_t)value};
    }
    *done = y;
    return TN_OK;
}

const tn_onnx_evals tn_onnx_evals_that_reduce[] = {
    {"ReduceSum", reduce}, {"ReduceProd", reduce}, {"ReduceMin", reduce},
    {"ReduceMax", reduce}, {"Range", range},       {0},
};
