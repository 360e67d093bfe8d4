/* Functions of one value that are more than an operator, or none of the opset that is written. */
#include <math.h>

#include <tenon/layers.h>

#include "onnx/export.h"

static void write_clip(tn_onnx_out *e, const tn_node *n)
{
    const tn_clip_opts *o = n->opts;
    const char *min = isinf(o->min) ? "" : tn_onnx_scalar_name(e, n, "min", o->min);
    const char *max = isinf(o->max) ? "" : tn_onnx_scalar_name(e, n, "max", o->max);
    TN_ONNX_PLAIN(e, "Clip", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), min, max);
}

static void write_gelu(tn_onnx_out *e, const tn_node *n)
{
    const tn_gelu_opts *o = n->opts;
    TN_ONNX_NODE(e, "Gelu", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0));
    tn_onnx_put_text(e, "approximate", o->tanh ? "tanh" : "none");
    tn_onnx_end(e);
}

static void write_mish(tn_onnx_out *e, const tn_node *n)
{
    TN_ONNX_PLAIN(e, "Mish", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0));
}

static void write_swish(tn_onnx_out *e, const tn_node *n)
{
    const char *x = tn_onnx_x_name(e, n, 0), *s = tn_onnx_part_name(e, n, "sigmoid");
    TN_ONNX_PLAIN(e, "Sigmoid", s, x);
    TN_ONNX_PLAIN(e, "Mul", tn_onnx_y_name(e, n), x, s);
}

/* C numbers as they broadcast to N x C x ... */
static tn_shape by_channel(const tn_node *n, int64_t count)
{
    tn_shape shape = TN_SHAPE(count);
    for (; shape.ndim < n->x[0].ndim - 1; shape.ndim++)
        shape.dim[shape.ndim] = 1;
    return shape;
}

static void write_prelu(tn_onnx_out *e, const tn_node *n)
{
    const tn_shape shape = by_channel(n, tn_elements(&n->param[0].shape));
    TN_ONNX_PLAIN(e, "PRelu", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0),
                  tn_onnx_weight_name(e, n, 0, &shape));
}

static void write_scale(tn_onnx_out *e, const tn_node *n)
{
    const tn_shape shape = by_channel(n, tn_elements(&n->param[0].shape));
    const char *y = n->num_params > 1 ? tn_onnx_part_name(e, n, "times") : tn_onnx_y_name(e, n);
    TN_ONNX_PLAIN(e, "Mul", y, tn_onnx_x_name(e, n, 0), tn_onnx_weight_name(e, n, 0, &shape));
    if (n->num_params > 1)
        TN_ONNX_PLAIN(e, "Add", tn_onnx_y_name(e, n), y, tn_onnx_weight_name(e, n, 1, &shape));
}

/* Of a model that runs it is nothing; who trains it goes on with the rate. */
static void write_dropout(tn_onnx_out *e, const tn_node *n)
{
    const tn_dropout_opts *o = n->opts;
    TN_ONNX_PLAIN(e, "Dropout", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0),
                  tn_onnx_scalar_name(e, n, "rate", o->rate));
}

static void write_mask(tn_onnx_out *e, const tn_node *n)
{
    const char *x = tn_onnx_x_name(e, n, 0), *by = tn_onnx_x_name(e, n, 1),
               *chosen = tn_onnx_part_name(e, n, "chosen"),
               *zero = tn_onnx_scalar_name(e, n, "zero", 0);
    TN_ONNX_NODE(e, "Cast", chosen, by);
    tn_onnx_put_int(e, "to", ONNX_BOOL);
    tn_onnx_end(e);
    TN_ONNX_PLAIN(e, "Where", tn_onnx_y_name(e, n), chosen, x, zero);
}

/* Bytes become floats in the model itself, or it takes floats that somebody else has made so. */
static void write_image_input(tn_onnx_out *e, const tn_node *n)
{
    const tn_image_input_opts *o = n->opts;
    const tn_shape shape = TN_SHAPE(n->y[0].dim[1], 1, 1);
    const char *y = tn_onnx_y_name(e, n);
    if (e->float_input) {
        tn_onnx_put_value(e, GRAPH_INPUT, y, TN_F32, &n->y[0], n->y_batch[0]);
        return;
    }
    const char *x = tn_onnx_x_name(e, n, 0), *planes = tn_onnx_part_name(e, n, "planes"),
               *floats = tn_onnx_part_name(e, n, "floats"),
               *centred = tn_onnx_part_name(e, n, "centred"),
               *mean = tn_onnx_floats_name(e, n, "mean", &shape, o->mean),
               *scale = tn_onnx_floats_name(e, n, "scale", &shape, o->scale);
    TN_ONNX_NODE(e, "Transpose", planes, x);
    tn_onnx_put_ints(e, "perm", (const int64_t[]){0, 3, 1, 2}, 4);
    tn_onnx_end(e);
    TN_ONNX_NODE(e, "Cast", floats, planes);
    tn_onnx_put_int(e, "to", ONNX_F32);
    tn_onnx_end(e);
    TN_ONNX_PLAIN(e, "Sub", centred, floats, mean);
    TN_ONNX_PLAIN(e, "Mul", y, centred, scale);
}

const tn_onnx_writers tn_onnx_writers_activation = {{{"clip", 0, write_clip},
                                                     {"gelu", 20, write_gelu},
                                                     {"mish", 18, write_mish},
                                                     {"swish", 0, write_swish},
                                                     {"prelu", 0, write_prelu},
                                                     {"scale", 0, write_scale},
                                                     {"dropout", 0, write_dropout},
                                                     {"mask", 0, write_mask},
                                                     {"image_input", 0, write_image_input}}};
