/* Elements by their numbers, the largest ones and where they are, and losses of labels. */
#include <tenon/layers.h>
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

static void write_gather(tn_onnx_out *e, const tn_node *n)
{
    const tn_gather_opts *o = n->opts;
    TN_ONNX_NODE(e, o->each ? "GatherElements" : "Gather", tn_onnx_y_name(e, n),
                 tn_onnx_x_name(e, n, 0), tn_onnx_x_name(e, n, 1));
    tn_onnx_put_int(e, "axis", o->axis);
    tn_onnx_end(e);
}

static void write_losses(tn_onnx_out *e, const tn_node *n, const char *y, const char *x)
{
    TN_ONNX_NODE(e, "NegativeLogLikelihoodLoss", y, x, tn_onnx_x_name(e, n, 1),
                 n->num_in > 2 ? tn_onnx_x_name(e, n, 2) : "");
    tn_onnx_put_text(e, "reduction", "none");
    tn_onnx_put_int(e, "ignore_index", ((const tn_nll_opts *)n->opts)->ignore);
    tn_onnx_end(e);
}

/* The weights of the labels are the losses where all of x is -1. */
static void write_nll(tn_onnx_out *e, const tn_node *n)
{
    const char *x = tn_onnx_x_name(e, n, 0), *shape = tn_onnx_part_name(e, n, "shape"),
               *minus = tn_onnx_part_name(e, n, "minus"),
               *one = tn_onnx_scalar_name(e, n, "one", -1);
    write_losses(e, n, tn_onnx_y_name(e, n), x);
    TN_ONNX_PLAIN(e, "Shape", shape, x);
    TN_ONNX_PLAIN(e, "Expand", minus, one, shape);
    write_losses(e, n, tn_onnx_output_name(e, n, 1), minus);
}

const tn_onnx_writers tn_onnx_writers_find = {
    {{"top_k", 0, write_top_k}, {"gather", 0, write_gather}, {"nll", 0, write_nll}}};
