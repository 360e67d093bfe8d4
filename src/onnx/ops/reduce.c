/* Over some dimensions: ReduceMean, -Sum, -Max, -Min, and what is made of them; Softmax and LogSoftmax. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

#define NAMED(n) (&(tn_layer_opts){(n)->name})
#define PART(o, n, part) (&(tn_layer_opts){tn_onnx_name(o, n, part)})

/* ---- axes --------------------------------------------------------------------------------------- */

typedef struct over {
    tn_shape axes; /* none: all */
    bool keep, nothing;
} over;

static bool read_over(tn_onnx *o, const tn_onnx_node *n, tn_value x, over *out)
{
    const bool attrs = o->opset < (strcmp(n->op, "ReduceSum") == 0 ? 13 : 18);
    int64_t axes[TN_MAX_DIMS];
    tn_shape shape = {0};
    int count;
    *out = (over){.keep = tn_onnx_int(n, "keepdims", 1)};
    if (!tn_onnx_wholes(o, n, attrs ? "axes" : NULL, attrs ? -1 : 1, axes, TN_MAX_DIMS, &count) ||
        tn_value_shape(o->g, x, &shape) != TN_OK)
        return false;
    out->nothing = (count < 1 && tn_onnx_int(n, "noop_with_empty_axes", 0)) || shape.ndim == 0;
    for (int i = 0; i < count; i++) {
        const int axis = tn_onnx_axis(o, n, shape.ndim, axes[i]);
        if (axis < 0)
            return false;
        out->axes.dim[out->axes.ndim++] = axis;
    }
    return true;
}

static tn_value reduce(tn_onnx *o, tn_value x, const over *by, tn_reduce_kind kind, bool keep,
                       const char *name)
{
    if (by->nothing)
        return x;
    return tn_reduce(o->g, x,
                     &(tn_reduce_opts){.name = name, .kind = kind, .axes = by->axes, .keep = keep});
}

/* ---- one kind ------------------------------------------------------------------------------------ */

static tn_status add_plain(tn_onnx *o, const tn_onnx_node *n, tn_reduce_kind kind)
{
    tn_value x;
    over by;
    if (!tn_onnx_x(o, n, 0, &x) || !read_over(o, n, x, &by))
        return TN_OK;
    return tn_onnx_give(o, n, 0, reduce(o, x, &by, kind, by.keep, n->name));
}

static tn_status add_mean(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, TN_REDUCE_MEAN);
}

static tn_status add_sum(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, TN_REDUCE_SUM);
}

static tn_status add_max(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, TN_REDUCE_MAX);
}

static tn_status add_min(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, TN_REDUCE_MIN);
}

/* ---- a function, a sum, a function ---------------------------------------------------------------- */

static tn_status add_l1(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    over by;
    if (!tn_onnx_x(o, n, 0, &x) || !read_over(o, n, x, &by))
        return TN_OK;
    x = tn_abs(o->g, x, PART(o, n, "abs"));
    return tn_onnx_give(o, n, 0, reduce(o, x, &by, TN_REDUCE_SUM, by.keep, n->name));
}

static tn_status squares(tn_onnx *o, const tn_onnx_node *n, bool root)
{
    tn_value x;
    over by;
    if (!tn_onnx_x(o, n, 0, &x) || !read_over(o, n, x, &by))
        return TN_OK;
    x = tn_mul(o->g, x, x, PART(o, n, "square"));
    x = reduce(o, x, &by, TN_REDUCE_SUM, by.keep, root ? tn_onnx_name(o, n, "sum") : n->name);
    return tn_onnx_give(o, n, 0, root ? tn_sqrt(o->g, x, NAMED(n)) : x);
}

static tn_status add_square(tn_onnx *o, const tn_onnx_node *n)
{
    return squares(o, n, false);
}

static tn_status add_l2(tn_onnx *o, const tn_onnx_node *n)
{
    return squares(o, n, true);
}

static tn_status add_log_sum(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    over by;
    if (!tn_onnx_x(o, n, 0, &x) || !read_over(o, n, x, &by))
        return TN_OK;
    x = reduce(o, x, &by, TN_REDUCE_SUM, by.keep, tn_onnx_name(o, n, "sum"));
    return tn_onnx_give(o, n, 0, tn_log(o->g, x, NAMED(n)));
}

/* max + log(sum of exp(x - max)): without overflow. */
static tn_status add_log_sum_exp(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x, most, y;
    over by;
    if (!tn_onnx_x(o, n, 0, &x) || !read_over(o, n, x, &by))
        return TN_OK;
    most = reduce(o, x, &by, TN_REDUCE_MAX, true, tn_onnx_name(o, n, "max"));
    y = tn_exp(o->g, tn_sub(o->g, x, most, PART(o, n, "less")), PART(o, n, "exp"));
    y = tn_log(o->g, reduce(o, y, &by, TN_REDUCE_SUM, by.keep, tn_onnx_name(o, n, "sum")),
               PART(o, n, "log"));
    if (!by.keep)
        most = reduce(o, x, &by, TN_REDUCE_MAX, false, tn_onnx_name(o, n, "most"));
    return tn_onnx_give(o, n, 0, tn_add(o->g, most, y, NAMED(n)));
}

/* ---- softmax ------------------------------------------------------------------------------------ */

typedef tn_value softmax(tn_graph *g, tn_value x, const tn_softmax_opts *opts);

/* Before opset 13: of all dimensions from the axis on together. */
static tn_value of_two_dimensions(tn_onnx *o, const tn_onnx_node *n, tn_value x,
                                  const tn_shape *shape, int axis, softmax *layer)
{
    const tn_shape back = tn_onnx_open_shape(o, x);
    int64_t rest = 1;
    for (int i = axis; i < shape->ndim; i++)
        rest *= shape->dim[i];
    tn_value y = axis == 1 ? tn_onnx_reshape(o, n, "flat", x, TN_SHAPE(0, -1))
                           : tn_onnx_reshape(o, n, "flat", x, TN_SHAPE(-1, rest));
    y = layer(o->g, y, &(tn_softmax_opts){.name = tn_onnx_name(o, n, "softmax"), .axis = -1});
    return tn_reshape(o->g, y, &(tn_reshape_opts){.name = n->name, .shape = back});
}

static tn_status add_any_softmax(tn_onnx *o, const tn_onnx_node *n, softmax *layer)
{
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const int axis = tn_onnx_axis(o, n, shape.ndim, tn_onnx_int(n, "axis", o->opset < 13 ? 1 : -1));
    if (axis < 0)
        return TN_OK;
    bool alone = true;
    for (int i = axis + 1; i < shape.ndim; i++)
        alone &= shape.dim[i] == 1;
    if (o->opset < 13 && !alone)
        return tn_onnx_give(o, n, 0, of_two_dimensions(o, n, x, &shape, axis, layer));
    if (layer == tn_log_softmax && axis == 1 && n->num_out && n->out[0])
        n->out[0]->logits = x;
    return tn_onnx_give(
        o, n, 0, layer(o->g, x, &(tn_softmax_opts){.name = n->name, .axis = TN_EXACTLY(axis)}));
}

static tn_status add_softmax(tn_onnx *o, const tn_onnx_node *n)
{
    return add_any_softmax(o, n, tn_softmax);
}

static tn_status add_log_softmax(tn_onnx *o, const tn_onnx_node *n)
{
    return add_any_softmax(o, n, tn_log_softmax);
}

const tn_onnx_ops tn_onnx_ops_reduce = {{{"ReduceMean", 1, add_mean},
                                         {"ReduceSum", 1, add_sum},
                                         {"ReduceMax", 1, add_max},
                                         {"ReduceMin", 1, add_min},
                                         {"ReduceL1", 1, add_l1},
                                         {"ReduceL2", 1, add_l2},
                                         {"ReduceSumSquare", 1, add_square},
                                         {"ReduceLogSum", 1, add_log_sum},
                                         {"ReduceLogSumExp", 1, add_log_sum_exp},
                                         {"Softmax", 1, add_softmax},
                                         {"LogSoftmax", 1, add_log_softmax}}};
