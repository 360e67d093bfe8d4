/* What picks, moves and repeats elements: Slice, Split, Concat, Pad, Expand, Tile. */
#include <stdio.h>
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

/* ---- Slice, Split ------------------------------------------------------------------------------- */

typedef struct lists {
    int64_t begin[TN_MAX_DIMS], end[TN_MAX_DIMS], axes[TN_MAX_DIMS], step[TN_MAX_DIMS];
    int begins, ends, num_axes, steps;
} lists;

static bool read_lists(tn_onnx *o, const tn_onnx_node *n, lists *l)
{
    const bool attrs = o->opset < 10;
    if (!tn_onnx_wholes(o, n, attrs ? "starts" : NULL, attrs ? -1 : 1, l->begin, TN_MAX_DIMS,
                        &l->begins) ||
        !tn_onnx_wholes(o, n, attrs ? "ends" : NULL, attrs ? -1 : 2, l->end, TN_MAX_DIMS,
                        &l->ends) ||
        !tn_onnx_wholes(o, n, attrs ? "axes" : NULL, attrs ? -1 : 3, l->axes, TN_MAX_DIMS,
                        &l->num_axes) ||
        !tn_onnx_wholes(o, n, NULL, attrs ? -1 : 4, l->step, TN_MAX_DIMS, &l->steps))
        return false;
    if (l->begins >= 0 && l->begins == l->ends && (l->num_axes < 0 || l->num_axes == l->begins) &&
        (l->steps < 0 || l->steps == l->begins))
        return true;
    (void)tn_onnx_refuse(o, n, "its starts, ends, axes and steps are not as many");
    return false;
}

static tn_status add_slice(tn_onnx *o, const tn_onnx_node *n)
{
    tn_slice_opts opts = {.name = n->name};
    tn_shape shape;
    tn_value x;
    lists l;
    if (!tn_onnx_x(o, n, 0, &x) || !read_lists(o, n, &l) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    opts.begin.ndim = opts.end.ndim = opts.step.ndim = shape.ndim;
    for (int i = 0; i < shape.ndim; i++) {
        opts.end.dim[i] = INT64_MAX;
        opts.step.dim[i] = 1;
    }
    for (int i = 0; i < l.begins; i++) {
        const int axis = tn_onnx_axis(o, n, shape.ndim, l.num_axes < 0 ? i : l.axes[i]);
        if (axis < 0)
            return TN_OK;
        opts.begin.dim[axis] = l.begin[i];
        opts.end.dim[axis] = l.end[i];
        opts.step.dim[axis] = l.steps < 0 ? 1 : l.step[i];
        if (l.steps >= 0 && l.step[i] < 0 && l.end[i] <= -INT32_MAX)
            opts.end.dim[axis] = INT64_MIN; /* down to the first */
        if (opts.step.dim[axis] == 0 || opts.step.dim[axis] == INT64_MIN ||
            !tn_onnx_part_of(shape.dim[axis], l.begin[i], l.end[i], opts.step.dim[axis]).count)
            return tn_onnx_refuse(o, n, "it leaves nothing of dimension %d: an empty tensor", axis);
    }
    return tn_onnx_give(o, n, 0, tn_slice(o->g, x, &opts));
}

/* Sizes of the parts: given, or as many equal ones as there are outputs, the last one smaller if they do not come out even. */
static bool read_sizes(tn_onnx *o, const tn_onnx_node *n, int64_t all, int64_t *size)
{
    const bool attrs = o->opset < 13;
    int count;
    int64_t sum = 0;
    if (n->num_out > 64) {
        (void)tn_onnx_refuse(o, n, "it makes %d parts, more than 64", n->num_out);
        return false;
    }
    if (!tn_onnx_wholes(o, n, attrs ? "split" : NULL, attrs ? -1 : 1, size, 64, &count))
        return false;
    const int64_t each = (all + n->num_out - 1) / n->num_out;
    bool good = count < 0 || count == n->num_out;
    for (int i = 0; i < n->num_out && good; i++) {
        if (count < 0)
            size[i] = i < n->num_out - 1 ? each : all - sum;
        good = size[i] >= 1 && size[i] <= all - sum;
        sum += good ? size[i] : 0;
    }
    if (good && sum == all)
        return true;
    (void)tn_onnx_refuse(o, n, "its %d parts are not all of %lld elements, or one is empty",
                         n->num_out, (long long)all);
    return false;
}

static tn_status add_split(tn_onnx *o, const tn_onnx_node *n)
{
    int64_t size[64], before = 0;
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id || n->num_out < 1)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const int axis = tn_onnx_axis(o, n, shape.ndim, tn_onnx_int(n, "axis", 0));
    if (axis < 0 || !read_sizes(o, n, shape.dim[axis], size))
        return TN_OK;
    for (int i = 0; i < n->num_out; before += size[i++]) {
        char part[24];
        (void)snprintf(part, sizeof part, "%d", i);
        tn_slice_opts opts = {.name = tn_onnx_name(o, n, part)};
        opts.begin.ndim = opts.end.ndim = axis + 1;
        for (int j = 0; j < axis; j++)
            opts.end.dim[j] = INT64_MAX;
        opts.begin.dim[axis] = before;
        opts.end.dim[axis] = before + size[i];
        TN_TRY(tn_onnx_give(o, n, i, tn_slice(o->g, x, &opts)));
    }
    return TN_OK;
}

/* ---- Concat ------------------------------------------------------------------------------------- */

static tn_status add_concat(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value *x = tn_arena_alloc(&o->arena, (size_t)n->num_in + 1, sizeof *x);
    tn_shape shape;
    int count = 0;
    if (!x)
        return tn_no_memory("a model", (size_t)n->num_in * sizeof *x);
    for (int i = 0; i < n->num_in; i++) { /* an empty one adds nothing */
        const tn_onnx_known *k = tn_onnx_given(n, i);
        if (k && k->count == 0)
            continue;
        if (!tn_onnx_x(o, n, i, &x[count++]))
            return TN_OK;
    }
    if (count == 0 || !x[0].id)
        return count ? TN_OK : tn_onnx_refuse(o, n, "it has no inputs");
    TN_TRY(tn_value_shape(o->g, x[0], &shape));
    const int axis = tn_onnx_axis(o, n, shape.ndim, tn_onnx_int(n, "axis", 1));
    if (axis < 0)
        return TN_OK;
    if (count == 1)
        return tn_onnx_give(o, n, 0, x[0]);
    return tn_onnx_give(
        o, n, 0,
        tn_concat(o->g, count, x, &(tn_concat_opts){.name = n->name, .axis = TN_EXACTLY(axis)}));
}

/* ---- Pad ---------------------------------------------------------------------------------------- */

/* Numbers before and after, of the dimensions that `axes` names or of all. */
static bool read_pads(tn_onnx *o, const tn_onnx_node *n, int ndim, int64_t *before, int64_t *after)
{
    const bool attrs = o->opset < 11;
    int64_t pads[2 * TN_MAX_DIMS], axes[TN_MAX_DIMS];
    int count, num_axes;
    if (!tn_onnx_wholes(o, n, attrs ? "pads" : NULL, attrs ? -1 : 1, pads, 2 * TN_MAX_DIMS,
                        &count) ||
        !tn_onnx_wholes(o, n, NULL, attrs ? -1 : 3, axes, TN_MAX_DIMS, &num_axes))
        return false;
    const int given = num_axes < 0 ? ndim : num_axes;
    if (count != 2 * given) {
        (void)tn_onnx_refuse(o, n, "it has %d pads for %d dimensions", count, given);
        return false;
    }
    for (int i = 0; i < given; i++) {
        const int axis = num_axes < 0 ? i : tn_onnx_axis(o, n, ndim, axes[i]);
        if (axis < 0)
            return false;
        if (pads[i] < -TN_ONNX_MOST_ELEMENTS || pads[i] > TN_ONNX_MOST_ELEMENTS ||
            pads[i + given] < -TN_ONNX_MOST_ELEMENTS || pads[i + given] > TN_ONNX_MOST_ELEMENTS) {
            (void)tn_onnx_refuse(o, n, "its pads are %lld and %lld", (long long)pads[i],
                                 (long long)pads[i + given]);
            return false;
        }
        before[axis] = pads[i];
        after[axis] = pads[i + given];
    }
    return true;
}

/* Below 0 elements are taken away. */
static tn_value cut(tn_onnx *o, const tn_onnx_node *n, tn_value x, int ndim, const int64_t *before,
                    const int64_t *after)
{
    tn_slice_opts opts = {.name = tn_onnx_name(o, n, "cut")};
    bool any = false;
    opts.begin.ndim = opts.end.ndim = ndim;
    for (int i = 0; i < ndim; i++) {
        opts.begin.dim[i] = before[i] < 0 ? -before[i] : 0;
        opts.end.dim[i] = after[i] < 0 ? after[i] : INT64_MAX;
        any |= before[i] < 0 || after[i] < 0;
    }
    return any ? tn_slice(o->g, x, &opts) : x;
}

static tn_status add_pad(tn_onnx *o, const tn_onnx_node *n)
{
    const bool edge = tn_onnx_is(n, "mode", "edge"), mirror = tn_onnx_is(n, "mode", "reflect");
    const bool attrs = o->opset < 11;
    int64_t before[TN_MAX_DIMS] = {0}, after[TN_MAX_DIMS] = {0};
    double value = 0;
    tn_shape shape;
    tn_value x;
    tn_proto mode;
    bool any = false;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (tn_onnx_attr(n, "mode", &mode) && !edge && !mirror && !tn_onnx_is(n, "mode", "constant"))
        return tn_onnx_refuse(o, n, "its mode is \"%s\"", tn_onnx_text(o, n, "mode"));
    if (!read_pads(o, n, shape.ndim, before, after) ||
        !tn_onnx_number_of(o, n, attrs ? "value" : NULL, attrs ? -1 : 2, &value))
        return TN_OK;
    x = cut(o, n, x, shape.ndim, before, after);
    tn_pad_opts opts = {.name = n->name,
                        .kind = edge     ? TN_PAD_EDGE
                                : mirror ? TN_PAD_REFLECT
                                         : TN_PAD_CONSTANT,
                        .value = (float)value};
    opts.before.ndim = opts.after.ndim = shape.ndim;
    for (int i = 0; i < shape.ndim; i++) {
        opts.before.dim[i] = before[i] > 0 ? before[i] : 0;
        opts.after.dim[i] = after[i] > 0 ? after[i] : 0;
        any |= before[i] > 0 || after[i] > 0;
    }
    return tn_onnx_give(o, n, 0, any ? tn_pad(o->g, x, &opts) : x);
}

/* ---- Expand, Tile ------------------------------------------------------------------------------- */

/* x, which is the same for any batch, N times: its dimension 0 is 1, or it has none of it. Added are zeros in as many rows
 * as the model's input has, so that it is of any batch. */
static tn_value repeat_rows(tn_onnx *o, const tn_onnx_node *n, tn_value x, int ndim,
                            const char *name)
{
    tn_shape each = {.ndim = ndim};
    for (int i = 1; i < ndim; i++)
        each.dim[i] = 1;
    tn_value rows = tn_onnx_reshape(o, n, "rows", o->rows, TN_SHAPE(0, -1));
    rows = tn_slice(
        o->g, rows,
        &(tn_slice_opts){.name = tn_onnx_name(o, n, "first"), .end = TN_SHAPE(INT64_MAX, 1)});
    rows = tn_mask(o->g, rows, tn_onnx_scalar(o, n, "none", 0),
                   &(tn_layer_opts){tn_onnx_name(o, n, "zeros")});
    if (ndim != 2)
        rows = tn_reshape(o->g, rows,
                          &(tn_reshape_opts){.name = tn_onnx_name(o, n, "each"), .shape = each});
    return tn_add(o->g, x, rows, &(tn_layer_opts){name});
}

/* Is its first dimension N, where x is the same for any? */
static bool is_by_rows(const tn_onnx *o, const tn_onnx_number *number, int64_t count, tn_value x,
                       const tn_shape *shape)
{
    return o->rows.id && count >= shape->ndim && count > 0 && number[0].times_n &&
           number[0].whole == 1 && (count > shape->ndim || shape->dim[0] == 1) &&
           tn_value_batch(o->g, x) == TN_NO_BATCH;
}

/* A dimension of the whole that x has there is x's, whatever the batch is. */
static tn_status add_expand(tn_onnx *o, const tn_onnx_node *n)
{
    tn_onnx_known *k = tn_onnx_given(n, 1);
    const tn_onnx_number *number = NULL;
    tn_shape shape, to;
    bool any = false;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    if (!k || tn_onnx_numbers(o, k, &number) != TN_OK || !number || k->count > TN_MAX_DIMS)
        return tn_onnx_refuse(o, n, "its shape is not known before the model runs");
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const bool by_rows = is_by_rows(o, number, k->count, x, &shape);
    to.ndim = shape.ndim > (int)k->count ? shape.ndim : (int)k->count;
    for (int i = 0; i < to.ndim; i++) {
        const int own = i - (to.ndim - shape.ndim), given = i - (to.ndim - (int)k->count);
        const int64_t by = given >= 0 && number[given].times_n ? o->batch : 1;
        const int64_t whole = given < 0 ? 1 : number[given].whole;
        const int64_t size = whole > 0 && whole <= TN_ONNX_MOST_ELEMENTS / by ? whole * by : 0;
        const bool rows = i == 0 && by_rows;
        const bool keeps = rows || (own >= 0 && (size == 1 || size == shape.dim[own]));
        to.dim[i] = keeps ? 0 : size;
        any |= !keeps;
        if (size < 1 || (!keeps && own >= 0 && shape.dim[own] != 1))
            return tn_onnx_refuse(o, n, "its input, %s, does not become %lld in dimension %d",
                                  tn_shape_format(&shape).text, (long long)whole, i);
    }
    if (by_rows)
        x = repeat_rows(o, n, x, to.ndim, any ? tn_onnx_name(o, n, "again") : n->name);
    if (!any)
        return tn_onnx_give(o, n, 0, x);
    return tn_onnx_give(
        o, n, 0, tn_broadcast_to(o->g, x, &(tn_broadcast_to_opts){.name = n->name, .shape = to}));
}

/* Along one dimension: one more in front of it, which is broadcast, and both are one. */
static tn_value repeat(tn_onnx *o, const tn_onnx_node *n, tn_value x, int axis, int64_t times,
                       const char *name)
{
    tn_shape s = tn_onnx_open_shape(o, x), apart = s, wide = {.ndim = s.ndim + 1}, whole = s;
    int64_t size = s.dim[axis];
    if (size == -1)
        size = o->batch;
    apart.ndim++;
    for (int i = s.ndim; i > axis; i--)
        apart.dim[i] = s.dim[i - 1];
    apart.dim[axis] = 1;
    wide.dim[axis] = times;
    whole.dim[axis] = s.dim[axis] == -1 ? -1 : size * times;
    x = tn_reshape(o->g, x,
                   &(tn_reshape_opts){.name = tn_onnx_name(o, n, "apart"), .shape = apart});
    x = tn_broadcast_to(
        o->g, x, &(tn_broadcast_to_opts){.name = tn_onnx_name(o, n, "again"), .shape = wide});
    return tn_reshape(o->g, x, &(tn_reshape_opts){.name = name, .shape = whole});
}

static tn_status add_tile(tn_onnx *o, const tn_onnx_node *n)
{
    int64_t times[TN_MAX_DIMS];
    int count, last = -1;
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !tn_onnx_wholes(o, n, NULL, 1, times, TN_MAX_DIMS, &count) ||
        !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (count != shape.ndim || shape.ndim == TN_MAX_DIMS)
        return tn_onnx_refuse(o, n, "it has %d repeats for %d dimensions", count, shape.ndim);
    for (int i = 0; i < count; i++) {
        if (times[i] < 1 || times[i] > TN_ONNX_MOST_ELEMENTS / shape.dim[i])
            return tn_onnx_refuse(o, n, "it repeats %lld times", (long long)times[i]);
        last = times[i] > 1 ? i : last;
    }
    for (int i = 0; i <= last; i++)
        if (times[i] > 1)
            x = repeat(o, n, x, i, times[i], i == last ? n->name : tn_onnx_name(o, n, "tile"));
    return tn_onnx_give(o, n, 0, x);
}

const tn_onnx_ops tn_onnx_ops_move = {{{"Slice", 1, add_slice},
                                       {"Split", 2, add_split},
                                       {"Concat", 1, add_concat},
                                       {"Pad", 2, add_pad},
                                       {"Expand", 8, add_expand},
                                       {"Tile", 6, add_tile}}};
