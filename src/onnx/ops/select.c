/* Elements that are chosen: Gather, GatherElements, ArgMax, ArgMin, Hardmax, TopK. */
#include <string.h>

#include <tenon/shapes.h>

#include "onnx/known.h"

/* x and its axis; false: refused. */
static bool read_axis(tn_onnx *o, const tn_onnx_node *n, int64_t fallback, tn_value *x,
                      tn_shape *shape, int *axis)
{
    if (!tn_onnx_x(o, n, 0, x) || tn_value_shape(o->g, *x, shape) != TN_OK)
        return false;
    *axis = tn_onnx_axis(o, n, shape->ndim, tn_onnx_int(n, "axis", fallback));
    return *axis >= 0;
}

/* ---- Gather ----------------------------------------------------------------------------------- */

/* Numbers that are one after the other, as a slice; they are in [-size, size). */
static bool is_range(const tn_onnx_number *index, int64_t count, int64_t size, int64_t *begin)
{
    *begin = index[0].whole < 0 ? index[0].whole + size : index[0].whole;
    for (int64_t i = 0; i < count; i++)
        if ((index[i].whole < 0 ? index[i].whole + size : index[i].whole) != *begin + i)
            return false;
    return true;
}

static tn_value slice_of(tn_onnx *o, const char *name, tn_value x, int axis, int64_t begin,
                         int64_t count)
{
    tn_slice_opts opts = {.name = name, .begin = {.ndim = axis + 1}, .end = {.ndim = axis + 1}};
    for (int i = 0; i < axis; i++)
        opts.end.dim[i] = INT64_MAX;
    opts.begin.dim[axis] = begin;
    opts.end.dim[axis] = begin + count;
    return tn_slice(o->g, x, &opts);
}

static tn_value whole_numbers(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_known *k,
                              const tn_onnx_number *index)
{
    return tn_onnx_whole_constant(o, tn_onnx_name(o, n, "indices"), &k->shape, k->count, index);
}

/* Indices that are known, and are there; NULL: refused. */
static const tn_onnx_number *known_indices(tn_onnx *o, const tn_onnx_node *n, const tn_shape *shape,
                                           int axis)
{
    tn_onnx_known *k = tn_onnx_given(n, 1);
    const tn_onnx_number *index = NULL;
    const int64_t size = shape->dim[axis];
    if (tn_onnx_numbers(o, k, &index) != TN_OK || !index || k->count == 0 ||
        tn_onnx_is_real(k->type)) {
        (void)tn_onnx_refuse(o, n, "its indices are %s of %s", tn_shape_format(&k->shape).text,
                             tn_onnx_type_name(k->type));
        return NULL;
    }
    for (int64_t i = 0; i < k->count; i++)
        if (index[i].times_n || index[i].whole < -size || index[i].whole >= size) {
            (void)tn_onnx_refuse(o, n, "its index %lld is none of dimension %d of %s",
                                 (long long)index[i].whole, axis, tn_shape_format(shape).text);
            return NULL;
        }
    return index;
}

/* A slice where that will do. */
static tn_status gather_known(tn_onnx *o, const tn_onnx_node *n, tn_value x, const tn_shape *shape,
                              int axis)
{
    const tn_onnx_known *k = tn_onnx_given(n, 1);
    const tn_onnx_number *index = known_indices(o, n, shape, axis);
    const int64_t size = shape->dim[axis];
    int64_t begin;
    if (!index)
        return TN_OK;
    if (k->shape.ndim == 1 && is_range(index, k->count, size, &begin))
        return tn_onnx_give(o, n, 0, slice_of(o, n->name, x, axis, begin, k->count));
    return tn_onnx_give(o, n, 0,
                        tn_gather(o->g, x, whole_numbers(o, n, k, index),
                                  &(tn_gather_opts){.name = n->name, .axis = axis}));
}

/* Indices that are not known; false: refused. */
static bool read_indices(tn_onnx *o, const tn_onnx_node *n, tn_value *out)
{
    tn_dtype dtype;
    if (!tn_onnx_any(o, n, 1, out))
        return false;
    if (tn_value_dtype(o->g, *out, &dtype) != TN_OK || dtype == TN_I32)
        return true;
    (void)tn_onnx_refuse(o, n, "its indices are %s", tn_dtype_name(dtype));
    return false;
}

static tn_status add_gather(tn_onnx *o, const tn_onnx_node *n)
{
    tn_shape shape;
    tn_value x, indices;
    int axis;
    if (!read_axis(o, n, 0, &x, &shape, &axis))
        return TN_OK;
    if (tn_onnx_given(n, 1))
        return gather_known(o, n, x, &shape, axis);
    if (!read_indices(o, n, &indices))
        return TN_OK;
    return tn_onnx_give(
        o, n, 0, tn_gather(o->g, x, indices, &(tn_gather_opts){.name = n->name, .axis = axis}));
}

/* x may be larger than the indices: the rest of it is not looked at. */
static tn_value cut(tn_onnx *o, const tn_onnx_node *n, tn_value x, const tn_shape *shape,
                    const tn_shape *to, int axis)
{
    tn_slice_opts opts = {.name = tn_onnx_name(o, n, "cut"), .end = *to};
    bool all = shape->ndim == to->ndim;
    opts.end.dim[axis] = INT64_MAX;
    for (int i = 0; all && i < shape->ndim; i++)
        all = i == axis || shape->dim[i] == to->dim[i];
    return all ? x : tn_slice(o->g, x, &opts);
}

static tn_status add_gather_elements(tn_onnx *o, const tn_onnx_node *n)
{
    tn_shape shape, of_indices;
    tn_value x, indices;
    int axis;
    if (!read_axis(o, n, 0, &x, &shape, &axis))
        return TN_OK;
    if (tn_onnx_given(n, 1)) {
        const tn_onnx_number *index = known_indices(o, n, &shape, axis);
        if (!index)
            return TN_OK;
        indices = whole_numbers(o, n, n->in[1]->known, index);
    } else if (!read_indices(o, n, &indices)) {
        return TN_OK;
    }
    TN_TRY(tn_value_shape(o->g, indices, &of_indices));
    if (of_indices.ndim != shape.ndim)
        return tn_onnx_refuse(o, n, "its indices are %s, of %s", tn_shape_format(&of_indices).text,
                              tn_shape_format(&shape).text);
    return tn_onnx_give(o, n, 0,
                        tn_gather(o->g, cut(o, n, x, &shape, &of_indices, axis), indices,
                                  &(tn_gather_opts){.name = n->name, .axis = axis, .each = true}));
}

/* ---- the largest ------------------------------------------------------------------------------ */

static tn_status add_arg(tn_onnx *o, const tn_onnx_node *n, bool smallest)
{
    tn_shape shape;
    tn_value x;
    int axis;
    if (!read_axis(o, n, 0, &x, &shape, &axis))
        return TN_OK;
    const tn_argmax_opts opts = {.name = n->name,
                                 .axis = TN_EXACTLY(axis),
                                 .keep = tn_onnx_int(n, "keepdims", 1) != 0,
                                 .smallest = smallest,
                                 .last = tn_onnx_int(n, "select_last_index", 0) != 0};
    return tn_onnx_give(o, n, 0, tn_argmax(o->g, x, &opts));
}

static tn_status add_argmax(tn_onnx *o, const tn_onnx_node *n)
{
    return add_arg(o, n, false);
}

static tn_status add_argmin(tn_onnx *o, const tn_onnx_node *n)
{
    return add_arg(o, n, true);
}

/* 1 where the first of the largest is, else 0: the row of that number of a matrix with ones on its diagonal. */
static tn_status add_hardmax(tn_onnx *o, const tn_onnx_node *n)
{
    enum { MOST = 4096 };
    tn_shape shape;
    tn_value x;
    int axis;
    if (!read_axis(o, n, -1, &x, &shape, &axis))
        return TN_OK;
    const int64_t size = shape.dim[axis];
    if (size > MOST || shape.ndim < 2)
        return tn_onnx_refuse(o, n, "it is of dimension %d of %s", axis,
                              tn_shape_format(&shape).text);
    float *ones = tn_alloc((size_t)(size * size), sizeof *ones);
    if (!ones)
        return tn_no_memory("a model", (size_t)(size * size) * sizeof *ones);
    for (int64_t i = 0; i < size; i++)
        ones[i * size + i] = 1;
    const tn_value table =
        tn_onnx_constant(o, tn_onnx_name(o, n, "ones"), TN_SHAPE(size, size), ones);
    const tn_argmax_opts opts = {.name = tn_onnx_name(o, n, "first"), .axis = TN_EXACTLY(axis)};
    const bool last = axis == shape.ndim - 1;
    x = tn_gather(o->g, table, tn_argmax(o->g, x, &opts),
                  &(tn_gather_opts){.name = last ? n->name : tn_onnx_name(o, n, "rows")});
    tn_transpose_opts back = {.name = n->name, .axes = {.ndim = shape.ndim}};
    for (int i = 0; i < shape.ndim; i++)
        back.axes.dim[i] = i < axis ? i : i == axis ? shape.ndim - 1 : i - 1;
    return tn_onnx_give(o, n, 0, last ? x : tn_transpose(o->g, x, &back));
}

static tn_status add_top_k(tn_onnx *o, const tn_onnx_node *n)
{
    tn_shape shape;
    tn_value x;
    int64_t k = tn_onnx_int(n, "k", 0);
    int axis, count;
    if (!read_axis(o, n, -1, &x, &shape, &axis) ||
        (o->opset >= 10 && !tn_onnx_wholes(o, n, NULL, 1, &k, 1, &count)))
        return TN_OK;
    if (k < 1 || k > shape.dim[axis] || k > INT32_MAX)
        return tn_onnx_refuse(o, n, "its k is %lld, of dimension %d of %s", (long long)k, axis,
                              tn_shape_format(&shape).text);
    const tn_top top = tn_top_k(o->g, x,
                                &(tn_top_k_opts){.name = n->name,
                                                 .k = (int)k,
                                                 .axis = TN_EXACTLY(axis),
                                                 .smallest = !tn_onnx_int(n, "largest", 1)});
    TN_TRY(tn_onnx_give(o, n, 0, top.values));
    return tn_onnx_give(o, n, 1, top.indices);
}

const tn_onnx_ops tn_onnx_ops_select = {{{"Gather", 1, add_gather},
                                         {"GatherElements", 11, add_gather_elements},
                                         {"ArgMax", 1, add_argmax},
                                         {"ArgMin", 1, add_argmin},
                                         {"Hardmax", 13, add_hardmax},
                                         {"TopK", 1, add_top_k}}};
