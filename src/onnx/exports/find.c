/* The largest elements, and where they are. */
#include <tenon/shapes.h>

#include "onnx/export.h"

/* Numbers of places are i64 there. */
static void cast(tn_onnx_out *e, const char *y, const char *x)
{
    TN_ONNX_NODE(e, "Cast", y, x);
    tn_onnx_put_int(e, "to", ONNX_I32);
    tn_onnx_end(e);
}

/* One along the axis: its place, and the largest itself where somebody may read it. */
static void write_one(tn_onnx_out *e, const tn_node *n)
{
    const tn_top_k_opts *o = n->opts;
    const char *x = tn_onnx_x_name(e, n, 0), *place = tn_onnx_part_name(e, n, "place"),
               *places = tn_onnx_output_name(e, n, 1);
    const int64_t axis = o->axis;
    const bool list = e->opset >= 18;
    const char *axes = list ? tn_onnx_list_name(e, n, "axes", &axis, 1) : "";
    TN_ONNX_NODE(e, o->smallest ? "ArgMin" : "ArgMax", place, x);
    tn_onnx_put_int(e, "axis", axis);
    tn_onnx_put_int(e, "keepdims", !o->drop);
    tn_onnx_put_int(e, "select_last_index", o->last);
    tn_onnx_end(e);
    cast(e, places, place);
    TN_ONNX_NODE(e, o->smallest ? "ReduceMin" : "ReduceMax", tn_onnx_y_name(e, n), x, axes);
    if (!list)
        tn_onnx_put_ints(e, "axes", &axis, 1);
    tn_onnx_put_int(e, "keepdims", !o->drop);
    tn_onnx_end(e);
}

static void write_top_k(tn_onnx_out *e, const tn_node *n)
{
    const tn_top_k_opts *o = n->opts;
    const int64_t k = o->k;
    if (o->k == 1) {
        write_one(e, n);
        return;
    }
    if (o->last) {
        tn_onnx_cannot(e, n, "of equal elements TopK has the first one first");
        return;
    }
    const char *x = tn_onnx_x_name(e, n, 0), *place = tn_onnx_part_name(e, n, "place"),
               *count = tn_onnx_list_name(e, n, "k", &k, 1);
    TN_ONNX_NODE(e, "TopK", tn_onnx_y_name(e, n), x, count);
    tn_onnx_put_output(e, place);
    tn_onnx_put_int(e, "axis", o->axis);
    tn_onnx_put_int(e, "largest", !o->smallest);
    tn_onnx_end(e);
    cast(e, tn_onnx_output_name(e, n, 1), place);
}

const tn_onnx_writers tn_onnx_writers_find = {{{"top_k", 0, write_top_k}}};
