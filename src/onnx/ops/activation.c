/* Functions of one value: Relu and its family, Clip, PRelu, Dropout. */
#include <math.h>

#include <tenon/layers.h>

#include "onnx/known.h"

#define NAMED(n) (&(tn_layer_opts){(n)->name})

/* Those that are one call. */
typedef tn_value plain(tn_graph *g, tn_value x, const tn_layer_opts *opts);

static tn_status add_plain(tn_onnx *o, const tn_onnx_node *n, plain *op)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    return tn_onnx_give(o, n, 0, op(o->g, x, NAMED(n)));
}

static tn_status add_relu(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_relu);
}

static tn_status add_sigmoid(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_sigmoid);
}

static tn_status add_tanh(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_tanh);
}

static tn_status add_abs(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_abs);
}

static tn_status add_neg(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_neg);
}

static tn_status add_exp(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_exp);
}

static tn_status add_log(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_log);
}

static tn_status add_sqrt(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_sqrt);
}

static tn_status add_hardswish(tn_onnx *o, const tn_onnx_node *n)
{
    return add_plain(o, n, tn_hardswish);
}

/* relu(x) - slope relu(-x): of slopes that Tenon's own layers do not have. */
static tn_value any_slope(tn_onnx *o, const tn_onnx_node *n, tn_value x, tn_value slope)
{
    tn_value below = tn_neg(o->g, x, &(tn_layer_opts){tn_onnx_name(o, n, "neg")});
    below = tn_relu(o->g, below, &(tn_layer_opts){tn_onnx_name(o, n, "below")});
    below = tn_mul(o->g, below, slope, &(tn_layer_opts){tn_onnx_name(o, n, "times")});
    const tn_value above = tn_relu(o->g, x, &(tn_layer_opts){tn_onnx_name(o, n, "above")});
    return tn_sub(o->g, above, below, NAMED(n));
}

static tn_status add_leaky_relu(tn_onnx *o, const tn_onnx_node *n)
{
    const float slope = (float)tn_onnx_real(n, "alpha", 0.01);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!(slope > 0 && slope < 1))
        return tn_onnx_give(o, n, 0, any_slope(o, n, x, tn_onnx_scalar(o, n, "slope", slope)));
    return tn_onnx_give(
        o, n, 0, tn_leaky_relu(o->g, x, &(tn_leaky_relu_opts){.name = n->name, .slope = slope}));
}

static tn_status add_elu(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!(alpha >= 0))
        return tn_onnx_refuse(o, n, "its alpha is %g", (double)alpha);
    return tn_onnx_give(
        o, n, 0, tn_elu(o->g, x, &(tn_elu_opts){.name = n->name, .alpha = TN_EXACTLY(alpha)}));
}

static tn_status add_hardsigmoid(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 0.2),
                beta = (float)tn_onnx_real(n, "beta", 0.5);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    return tn_onnx_give(o, n, 0,
                        tn_hardsigmoid(o->g, x,
                                       &(tn_hardsigmoid_opts){.name = n->name,
                                                              .alpha = TN_EXACTLY(alpha),
                                                              .beta = TN_EXACTLY(beta)}));
}

static tn_status add_gelu(tn_onnx *o, const tn_onnx_node *n)
{
    static const char *const words[] = {"none", "tanh", NULL};
    const int word = tn_onnx_word(o, n, "approximate", words, 0);
    tn_value x;
    if (word < 0 || !tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    return tn_onnx_give(o, n, 0,
                        tn_gelu(o->g, x, &(tn_gelu_opts){.name = n->name, .tanh = word == 1}));
}

/* x sigmoid(alpha x) */
static tn_status add_swish(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (alpha == 1)
        return add_plain(o, n, tn_swish);
    const tn_value y = tn_sigmoid(o->g, tn_onnx_times(o, n, "alpha", x, alpha),
                                  &(tn_layer_opts){tn_onnx_name(o, n, "sigmoid")});
    return tn_onnx_give(o, n, 0, tn_mul(o->g, x, y, NAMED(n)));
}

static tn_status add_clip(tn_onnx *o, const tn_onnx_node *n)
{
    double min = -INFINITY, max = INFINITY;
    const bool attrs = o->opset < 11;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) ||
        !tn_onnx_number_of(o, n, attrs ? "min" : NULL, attrs ? -1 : 1, &min) ||
        !tn_onnx_number_of(o, n, attrs ? "max" : NULL, attrs ? -1 : 2, &max))
        return TN_OK;
    if (!(min <= max))
        return tn_onnx_refuse(o, n, "its min is %g, above its max, %g", min, max);
    const float most = (float)max;
    return tn_onnx_give(
        o, n, 0,
        tn_clip(o->g, x,
                &(tn_clip_opts){.name = n->name, .min = (float)min, .max = TN_EXACTLY(most)}));
}

/* Is it a slope for each channel, C x 1 x ... (before opset 7: C), or one for all? */
static bool is_by_channel(const tn_onnx *o, const tn_onnx_known *slope, const tn_shape *x)
{
    const bool vector = o->opset < 7 && slope->shape.ndim == 1;
    const int at = vector ? 0 : slope->shape.ndim - (x->ndim - 1); /* where the channels are */
    const int64_t channels = x->ndim > 1 ? x->dim[1] : 0;
    return slope->count == 1 ||
           (slope->count == channels && at >= 0 && slope->shape.dim[at] == channels);
}

static tn_status add_prelu(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_known *known = tn_onnx_given(n, 1);
    tn_shape shape;
    tn_value x, slope;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (!known || !is_by_channel(o, known, &shape)) {
        if (!tn_onnx_x(o, n, 1, &slope))
            return TN_OK;
        return tn_onnx_give(o, n, 0, any_slope(o, n, x, slope));
    }
    const tn_shape vector = TN_SHAPE(known->count);
    if (!tn_onnx_param(o, n, 1, &vector, &slope))
        return TN_OK;
    return tn_onnx_give(o, n, 0,
                        tn_prelu(o->g, x,
                                 &(tn_prelu_opts){.name = n->name,
                                                  .shared = known->count == 1,
                                                  .weight = {.value = slope}}));
}

const tn_onnx_ops tn_onnx_ops_activation = {{{"Relu", 1, add_relu},
                                             {"LeakyRelu", 1, add_leaky_relu},
                                             {"Sigmoid", 1, add_sigmoid},
                                             {"Tanh", 1, add_tanh},
                                             {"Abs", 1, add_abs},
                                             {"Neg", 1, add_neg},
                                             {"Exp", 1, add_exp},
                                             {"Log", 1, add_log},
                                             {"Sqrt", 1, add_sqrt},
                                             {"Elu", 1, add_elu},
                                             {"HardSigmoid", 1, add_hardsigmoid},
                                             {"HardSwish", 14, add_hardswish},
                                             {"Gelu", 20, add_gelu},
                                             {"Swish", 24, add_swish},
                                             {"Clip", 1, add_clip},
                                             {"PRelu", 1, add_prelu}}};
