/* What moves elements, and makes fewer or more of them. */
#include <tenon/shapes.h>

#include "onnx/export.h"

static void write_reshape(tn_onnx_out *e, const tn_node *n)
{
    const tn_reshape_opts *o = n->opts;
    const char *shape = tn_onnx_list_name(e, n, "shape", o->shape.dim, o->shape.ndim);
    TN_ONNX_PLAIN(e, "Reshape", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), shape);
}

/* There a dimension that is kept is 1. */
static void write_broadcast_to(tn_onnx_out *e, const tn_node *n)
{
    const tn_broadcast_to_opts *given = n->given;
    int64_t shape[TN_MAX_DIMS];
    for (int i = 0; i < given->shape.ndim; i++)
        shape[i] = given->shape.dim[i] ? given->shape.dim[i] : 1;
    const char *list = tn_onnx_list_name(e, n, "shape", shape, given->shape.ndim);
    TN_ONNX_PLAIN(e, "Expand", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), list);
}

/* Axes that are taken whole, as the batch is, are not said. */
static void write_slice(tn_onnx_out *e, const tn_node *n)
{
    const tn_slice_opts *o = n->opts;
    int64_t begin[TN_MAX_DIMS], end[TN_MAX_DIMS], axis[TN_MAX_DIMS], step[TN_MAX_DIMS];
    int count = 0;
    for (int i = 0; i < n->x[0].ndim; i++) {
        const int64_t y = n->y[0].dim[i];
        if (y == n->x[0].dim[i] && o->step.dim[i] == 1)
            continue;
        axis[count] = i;
        begin[count] = o->begin.dim[i];
        step[count] = o->step.dim[i];
        end[count] = begin[count] + (y - 1) * step[count] + (step[count] > 0 ? 1 : -1);
        if (end[count] < 0)
            end[count] = INT64_MIN;
        count++;
    }
    if (!count) {
        tn_onnx_pass(e, n);
        return;
    }
    const char *x = tn_onnx_x_name(e, n, 0),
               *begins = tn_onnx_list_name(e, n, "begin", begin, count),
               *ends = tn_onnx_list_name(e, n, "end", end, count),
               *axes = tn_onnx_list_name(e, n, "axes", axis, count),
               *steps = tn_onnx_list_name(e, n, "step", step, count);
    TN_ONNX_PLAIN(e, "Slice", tn_onnx_y_name(e, n), x, begins, ends, axes, steps);
}

static void write_pad(tn_onnx_out *e, const tn_node *n)
{
    const tn_pad_opts *o = n->opts;
    const int ndim = n->x[0].ndim;
    int64_t pads[2 * TN_MAX_DIMS];
    for (int i = 0; i < ndim; i++) {
        pads[i] = o->before.dim[i];
        pads[ndim + i] = n->y[0].dim[i] - n->x[0].dim[i] - pads[i];
    }
    const char *x = tn_onnx_x_name(e, n, 0),
               *list = tn_onnx_list_name(e, n, "pads", pads, 2 * ndim),
               *value = o->value == 0 ? "" : tn_onnx_scalar_name(e, n, "value", o->value);
    TN_ONNX_PLAIN(e, "Pad", tn_onnx_y_name(e, n), x, list, value);
}

/* Sums have had their axes as an input for long, the others since opset 18. */
static void write_reduce(tn_onnx_out *e, const tn_node *n)
{
    static const char *const ops[] = {[TN_REDUCE_MEAN] = "ReduceMean",
                                      [TN_REDUCE_SUM] = "ReduceSum",
                                      [TN_REDUCE_MAX] = "ReduceMax",
                                      [TN_REDUCE_MIN] = "ReduceMin"};
    const tn_reduce_opts *o = n->opts;
    const bool input = o->kind == TN_REDUCE_SUM || e->opset >= 18;
    const char *axes = input ? tn_onnx_list_name(e, n, "axes", o->axes.dim, o->axes.ndim) : "";
    TN_ONNX_NODE(e, ops[o->kind], tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), axes);
    if (!input)
        tn_onnx_put_ints(e, "axes", o->axes.dim, o->axes.ndim);
    tn_onnx_put_int(e, "keepdims", o->keep);
    tn_onnx_end(e);
}

const tn_onnx_writers tn_onnx_writers_shape = {{{"reshape", 0, write_reshape},
                                                {"broadcast_to", 0, write_broadcast_to},
                                                {"slice", 0, write_slice},
                                                {"pad", 0, write_pad},
                                                {"reduce", 0, write_reduce}}};
