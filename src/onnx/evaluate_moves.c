/*
 * What picks and moves elements.
 */
#include "onnx/evaluate.h"

/* ---- Transpose: of any size, since nothing moves yet -------------------------------------------- */

static tn_status transpose(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_onnx_known *x = tn_onnx_given(n, 0), *k;
    tn_shape axes = {0}, shape;
    bool seen[TN_MAX_DIMS] = {false};
    if (!x || tn_onnx_ints(n, "perm", axes.dim, TN_MAX_DIMS) > TN_MAX_DIMS)
        return TN_OK;
    axes.ndim = (int)tn_onnx_ints(n, "perm", axes.dim, TN_MAX_DIMS);
    if (axes.ndim != x->shape.ndim && axes.ndim)
        return TN_OK;
    shape = x->shape;
    for (int i = 0; i < shape.ndim; i++) {
        axes.dim[i] = axes.ndim ? axes.dim[i] : shape.ndim - 1 - i;
        if (axes.dim[i] < 0 || axes.dim[i] >= shape.ndim || seen[axes.dim[i]])
            return TN_OK;
        seen[axes.dim[i]] = true;
        shape.dim[i] = x->shape.dim[axes.dim[i]];
    }
    axes.ndim = shape.ndim;
    TN_TRY(tn_onnx_permute(o, x, &shape, &axes, &k));
    *done = k;
    return k ? tn_onnx_give_known(o, n, 0, k) : TN_OK;
}

/* ---- Gather ----------------------------------------------------------------------------------- */

static tn_status gather(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0), *at = tn_onnx_input_numbers(o, n, 1);
    tn_onnx_number *y;
    if (!x || !at)
        return TN_OK;
    const tn_onnx_known *k = n->in[0]->known, *index = n->in[1]->known;
    int64_t axis = tn_onnx_int(n, "axis", 0);
    axis += axis < 0 ? k->shape.ndim : 0;
    if (axis < 0 || axis >= k->shape.ndim || index->shape.ndim + k->shape.ndim - 1 > TN_MAX_DIMS)
        return TN_OK;
    tn_shape shape = {0};
    for (int i = 0; i < axis; i++)
        shape.dim[shape.ndim++] = k->shape.dim[i];
    for (int i = 0; i < index->shape.ndim; i++)
        shape.dim[shape.ndim++] = index->shape.dim[i];
    for (int i = (int)axis + 1; i < k->shape.ndim; i++)
        shape.dim[shape.ndim++] = k->shape.dim[i];
    const tn_lines l = tn_lines_along(&k->shape, (int)axis);
    for (int64_t i = 0; i < index->count; i++)
        if (at[i].times_n || at[i].whole < -l.size || at[i].whole >= l.size)
            return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, k->type, &shape, &y));
    for (int64_t a = 0; a < l.outer && y; a++)
        for (int64_t i = 0; i < index->count; i++)
            for (int64_t b = 0; b < l.inner; b++)
                *y++ = x[(a * l.size + at[i].whole + (at[i].whole < 0 ? l.size : 0)) * l.inner + b];
    *done = y;
    return TN_OK;
}

/* ---- Slice ------------------------------------------------------------------------------------ */

tn_onnx_part tn_onnx_part_of(int64_t size, int64_t begin, int64_t end, int64_t step)
{
    const int64_t least = step < 0 ? -1 : 0, most = step < 0 ? size - 1 : size;
    begin += begin < 0 ? size : 0;
    end += end < 0 ? size : 0;
    begin = begin < 0 ? 0 : begin > most ? most : begin;
    end = end < least ? least : end > size ? size : end;
    const int64_t far = step < 0 ? begin - end : end - begin, by = step < 0 ? -step : step;
    return (tn_onnx_part){begin, step, far > 0 ? (far - 1) / by + 1 : 0};
}

static bool read_parts(tn_onnx *o, const tn_onnx_node *n, const tn_shape *x, tn_onnx_part *of)
{
    int64_t begin[TN_MAX_DIMS], end[TN_MAX_DIMS], axes[TN_MAX_DIMS], step[TN_MAX_DIMS];
    int begins, ends, num_axes, steps;
    if (!tn_onnx_plain_wholes(o, n, "starts", 1, begin, TN_MAX_DIMS, &begins) ||
        !tn_onnx_plain_wholes(o, n, "ends", 2, end, TN_MAX_DIMS, &ends) ||
        !tn_onnx_plain_wholes(o, n, "axes", 3, axes, TN_MAX_DIMS, &num_axes) ||
        !tn_onnx_plain_wholes(o, n, NULL, 4, step, TN_MAX_DIMS, &steps) || begins != ends ||
        (num_axes >= 0 && num_axes != begins) || (steps >= 0 && steps != begins) || begins < 0)
        return false;
    for (int i = 0; i < x->ndim; i++)
        of[i] = (tn_onnx_part){0, 1, x->dim[i]};
    for (int i = 0; i < begins; i++) {
        const int64_t axis = num_axes < 0 ? i : axes[i] + (axes[i] < 0 ? x->ndim : 0);
        const int64_t by = steps < 0 ? 1 : step[i];
        if (axis < 0 || axis >= x->ndim || by == 0 || by == INT64_MIN)
            return false;
        of[axis] = tn_onnx_part_of(x->dim[axis], begin[i], end[i], by);
    }
    return true;
}

static tn_status slice(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    tn_onnx_part of[TN_MAX_DIMS];
    tn_onnx_number *y;
    if (!x || !read_parts(o, n, &n->in[0]->known->shape, of))
        return TN_OK;
    const tn_onnx_known *k = n->in[0]->known;
    tn_shape shape = k->shape;
    int64_t count = 1;
    for (int i = 0; i < shape.ndim; i++)
        count *= shape.dim[i] = of[i].count;
    TN_TRY(tn_onnx_new_output(o, n, k->type, &shape, &y));
    for (int64_t j = 0; j < count && y; j++) {
        int64_t at = 0, size = 1, left = j;
        for (int i = shape.ndim - 1; i >= 0; left /= shape.dim[i], size *= k->shape.dim[i], i--)
            at += (of[i].begin + left % shape.dim[i] * of[i].step) * size;
        y[j] = x[at];
    }
    *done = y;
    return TN_OK;
}

/* ---- ScatterND, Trilu --------------------------------------------------------------------------- */

/* Where a list of indices of the first dimensions begins; -1: outside. */
static int64_t scatter_at(const tn_shape *x, const tn_onnx_number *index, int depth, int64_t inner)
{
    int64_t at = 0;
    for (int i = 0; i < depth; i++) {
        const int64_t own = index[i].whole + (index[i].whole < 0 ? x->dim[i] : 0);
        if (index[i].times_n || own < 0 || own >= x->dim[i])
            return -1;
        at = at * x->dim[i] + own;
    }
    return at * inner;
}

static tn_status scatter(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_number *x[3];
    tn_onnx_number *y;
    tn_proto reduction;
    for (int i = 0; i < 3; i++)
        if (!(x[i] = tn_onnx_input_numbers(o, n, i)))
            return TN_OK;
    const tn_onnx_known *k = n->in[0]->known, *indices = n->in[1]->known;
    const int last = indices->shape.ndim - 1;
    const int64_t depth = last < 0 ? 0 : indices->shape.dim[last];
    if (depth < 1 || depth > k->shape.ndim ||
        (tn_onnx_attr(n, "reduction", &reduction) && !tn_onnx_is(n, "reduction", "none")))
        return TN_OK;
    int64_t inner = 1;
    for (int i = (int)depth; i < k->shape.ndim; i++)
        inner *= k->shape.dim[i];
    if (n->in[2]->known->count != indices->count / depth * inner)
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, k->type, &k->shape, &y));
    for (int64_t i = 0; i < k->count && y; i++)
        y[i] = x[0][i];
    *done = y;
    for (int64_t i = 0; i < indices->count / depth && *done; i++) {
        const int64_t at = scatter_at(&k->shape, x[1] + i * depth, (int)depth, inner);
        *done = at >= 0;
        for (int64_t j = 0; j < inner && *done; j++)
            y[at + j] = x[2][i * inner + j];
    }
    return TN_OK;
}

static tn_status trilu(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const bool upper = tn_onnx_int(n, "upper", 1);
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    tn_onnx_number *y;
    int64_t diagonal[1] = {0};
    int count;
    if (!x || !tn_onnx_plain_wholes(o, n, NULL, 1, diagonal, 1, &count))
        return TN_OK;
    const tn_onnx_known *k = n->in[0]->known;
    const int ndim = k->shape.ndim;
    if (ndim < 2 || diagonal[0] < -INT32_MAX || diagonal[0] > INT32_MAX)
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, k->type, &k->shape, &y));
    for (int64_t i = 0; i < k->count && y; i++) {
        const int64_t column = i % k->shape.dim[ndim - 1];
        const int64_t row = i / k->shape.dim[ndim - 1] % k->shape.dim[ndim - 2];
        if (upper ? column - row >= diagonal[0] : column - row <= diagonal[0])
            y[i] = x[i]; /* else 0, of any type */
    }
    *done = y;
    return TN_OK;
}

/* ---- Concat, Split ---------------------------------------------------------------------------- */

static bool concat_shape(tn_onnx *o, const tn_onnx_node *n, int64_t *axis, tn_shape *out)
{
    *out = n->in[0]->known->shape;
    *axis = tn_onnx_int(n, "axis", 1);
    *axis += *axis < 0 ? out->ndim : 0;
    if (*axis < 0 || *axis >= out->ndim)
        return false;
    out->dim[*axis] = 0;
    for (int i = 0; i < n->num_in; i++) {
        const tn_onnx_known *k = tn_onnx_given(n, i);
        if (!tn_onnx_input_numbers(o, n, i) || k->shape.ndim != out->ndim)
            return false;
        for (int j = 0; j < out->ndim; j++)
            if (j != *axis && k->shape.dim[j] != out->dim[j])
                return false;
        out->dim[*axis] += k->shape.dim[*axis];
    }
    return true;
}

static tn_status concat(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_onnx_number *y;
    tn_shape shape;
    int64_t axis, before = 0;
    if (!tn_onnx_given(n, 0) || !concat_shape(o, n, &axis, &shape))
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, n->in[0]->known->type, &shape, &y));
    const tn_lines whole = tn_lines_along(&shape, (int)axis);
    for (int i = 0; i < n->num_in && y; i++) {
        const tn_onnx_number *x = tn_onnx_input_numbers(o, n, i);
        const int64_t size = n->in[i]->known->shape.dim[axis];
        for (int64_t a = 0; a < whole.outer; a++)
            for (int64_t b = 0; b < size * whole.inner; b++)
                y[(a * whole.size + before) * whole.inner + b] = x[a * size * whole.inner + b];
        before += size;
    }
    *done = y;
    return TN_OK;
}

/* ---- Expand, Tile ----------------------------------------------------------------------------- */

static tn_status give_spread(tn_onnx *o, const tn_onnx_node *n, const tn_shape *shape, bool *done)
{
    const tn_onnx_number *x = tn_onnx_input_numbers(o, n, 0);
    const tn_onnx_known *k = tn_onnx_given(n, 0);
    tn_onnx_number *y;
    int64_t count;
    if (!x || !tn_onnx_count(shape, &count))
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, k->type, shape, &y));
    for (int64_t j = 0; j < count && y; j++) {
        int64_t at = 0, size = 1, left = j;
        for (int i = shape->ndim - 1; i >= 0; left /= shape->dim[i], i--) {
            const int64_t own = tn_aligned_dim(&k->shape, shape, i);
            at += left % shape->dim[i] % own * size;
            size *= own;
        }
        y[j] = x[at];
    }
    *done = y;
    return TN_OK;
}

static tn_status expand(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_shape shape = {0}, both;
    if (!tn_onnx_given(n, 0) ||
        !tn_onnx_plain_wholes(o, n, NULL, 1, shape.dim, TN_MAX_DIMS, &shape.ndim) ||
        shape.ndim < 0 || !tn_onnx_meet(&n->in[0]->known->shape, &shape, &both))
        return TN_OK;
    return give_spread(o, n, &both, done);
}

static tn_status tile(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_shape times = {0};
    const tn_onnx_known *k = tn_onnx_given(n, 0);
    if (!k || !tn_onnx_plain_wholes(o, n, NULL, 1, times.dim, TN_MAX_DIMS, &times.ndim) ||
        times.ndim != k->shape.ndim)
        return TN_OK;
    tn_shape shape = k->shape;
    for (int i = 0; i < shape.ndim; i++) {
        if (times.dim[i] < 0 || times.dim[i] > TN_ONNX_MOST_NUMBERS)
            return TN_OK;
        shape.dim[i] *= times.dim[i];
    }
    return give_spread(o, n, &shape, done);
}

const tn_onnx_evals tn_onnx_evals_that_move[] = {
    {"Transpose", transpose}, {"Gather", gather},     {"Slice", slice},
    {"Concat", concat},       {"ScatterND", scatter}, {"Trilu", trilu},
    {"Expand", expand},       {"Tile", tile},         {0},
};
