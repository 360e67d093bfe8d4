/* Layers of one value: ReLU and its family, Power, Exp, Log and those composed of such. */
#include <math.h>

#include <tenon/layers.h>

#include "caffe/import.h"

#define NAMED(l) (&(tn_layer_opts){(l)->name})

static tn_status add_relu(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_RELU);
    const float slope = (float)tn_proto_real(&p, RELU_SLOPE, 0);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    return tn_caffe_top(
        c, l, 0,
        slope == 0
            ? tn_relu(c->g, x, NAMED(l))
            : tn_leaky_relu(c->g, x, &(tn_leaky_relu_opts){.name = l->name, .slope = slope}));
}

static tn_status add_relu6(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    return tn_caffe_top(
        c, l, 0, tn_clip(c->g, x, &(tn_clip_opts){.name = l->name, .min = TN_ZERO, .max = 6}));
}

static tn_status add_prelu(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_PRELU);
    tn_proto filler;
    tn_param_opts weight;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    (void)tn_proto_message(&p, PRELU_FILLER, &filler);
    TN_TRY(tn_caffe_param_opts(c, l, 0, &filler, &weight));
    TN_TRY(tn_caffe_top(c, l, 0,
                        tn_prelu(c->g, x,
                                 &(tn_prelu_opts){.name = l->name,
                                                  .shared = tn_proto_int(&p, PRELU_SHARED, 0),
                                                  .weight = weight})));
    return tn_caffe_take_blob(c, l, 0, l->name, "weight", TN_CAFFE_AS_IT_IS);
}

static tn_status add_elu(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_ELU);
    const float alpha = (float)tn_proto_real(&p, ELU_ALPHA, 1);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    return tn_caffe_top(
        c, l, 0, tn_elu(c->g, x, &(tn_elu_opts){.name = l->name, .alpha = TN_EXACTLY(alpha)}));
}

/* Those that are one call. */
typedef tn_value plain(tn_graph *g, tn_value x, const tn_layer_opts *opts);

static tn_status add_plain(tn_caffe *c, const tn_caffe_layer *l, plain *op)
{
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    return tn_caffe_top(c, l, 0, op(c->g, x, NAMED(l)));
}

static tn_status add_sigmoid(tn_caffe *c, const tn_caffe_layer *l)
{
    return add_plain(c, l, tn_sigmoid);
}

static tn_status add_tanh(tn_caffe *c, const tn_caffe_layer *l)
{
    return add_plain(c, l, tn_tanh);
}

static tn_status add_abs(tn_caffe *c, const tn_caffe_layer *l)
{
    return add_plain(c, l, tn_abs);
}

static tn_status add_swish(tn_caffe *c, const tn_caffe_layer *l)
{
    return add_plain(c, l, tn_swish);
}

static tn_status add_bnll(tn_caffe *c, const tn_caffe_layer *l)
{
    return add_plain(c, l, tn_softplus);
}

/* (shift + scale x) ^ power */
static tn_status add_power(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_POWER);
    float power = (float)tn_proto_real(&p, POWER_POWER, 1);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    tn_value y = tn_caffe_times(c, l, "times", x, (float)tn_proto_real(&p, POWER_SCALE, 1));
    y = tn_caffe_plus(c, l, "plus", y, (float)tn_proto_real(&p, POWER_SHIFT, 0));
    if (power != 1)
        y = tn_pow(
            c->g, y,
            tn_constant(c->g, tn_caffe_name(c, l, "power"), (tn_tensor){TN_F32, {0}, &power}),
            NAMED(l));
    return tn_caffe_top(c, l, 0, y);
}

/* base ^ (shift + scale x); e, where the base is -1 */
static tn_status add_exp(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_EXP);
    const double base = tn_proto_real(&p, EXP_BASE, -1), factor = base == -1 ? 1 : log(base);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (!(base == -1 || base > 0))
        return tn_caffe_refuse(c, l, "its base is %g", base);
    tn_value y =
        tn_caffe_times(c, l, "times", x, (float)(factor * tn_proto_real(&p, EXP_SCALE, 1)));
    y = tn_caffe_plus(c, l, "plus", y, (float)(factor * tn_proto_real(&p, EXP_SHIFT, 0)));
    return tn_caffe_top(c, l, 0, tn_exp(c->g, y, NAMED(l)));
}

/* The logarithm of shift + scale x to a base. */
static tn_status add_log(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_LOG);
    const double base = tn_proto_real(&p, EXP_BASE, -1);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (!(base == -1 || (base > 0 && base != 1)))
        return tn_caffe_refuse(c, l, "its base is %g", base);
    tn_value y = tn_caffe_times(c, l, "times", x, (float)tn_proto_real(&p, EXP_SCALE, 1));
    y = tn_caffe_plus(c, l, "plus", y, (float)tn_proto_real(&p, EXP_SHIFT, 0));
    y = tn_log(c->g, y, NAMED(l));
    return tn_caffe_top(c, l, 0,
                        tn_caffe_times(c, l, "base", y, base == -1 ? 1 : (float)(1 / log(base))));
}

static tn_status add_dropout(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_DROPOUT);
    const float rate = (float)tn_proto_real(&p, DROPOUT_RATE, 0.5);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (!tn_proto_int(&p, 2, 1))
        return tn_caffe_refuse(c, l, "it scales when it is tested (scale_train: false)");
    return tn_caffe_top(c, l, 0,
                        tn_dropout(c->g, x, &(tn_dropout_opts){.name = l->name, .rate = rate}));
}

const tn_caffe_kind tn_caffe_activation = {{{"ReLU", add_relu},
                                            {"ReLU6", add_relu6},
                                            {"PReLU", add_prelu},
                                            {"ELU", add_elu},
                                            {"Sigmoid", add_sigmoid},
                                            {"TanH", add_tanh},
                                            {"AbsVal", add_abs},
                                            {"Swish", add_swish},
                                            {"BNLL", add_bnll},
                                            {"Power", add_power},
                                            {"Exp", add_exp},
                                            {"Log", add_log},
                                            {"Dropout", add_dropout}}};
