/* LRN, BatchNorm with the Scale behind it, Scale and Bias alone, MVN. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "caffe/import.h"

/* ---- LRN -------------------------------------------------------------------------------------- */

/* x (1 + alpha mean of x^2 over a window) ^ -beta, the mean over the padding too. */
static tn_value within(tn_caffe *c, const tn_caffe_layer *l, tn_value x, int size, float alpha,
                       float beta)
{
    tn_graph *g = c->g;
    float power = -beta;
    tn_value y = tn_mul(g, x, x, &(tn_layer_opts){tn_caffe_name(c, l, "square")});
    y = tn_pool2d(g, y,
                  &(tn_pool2d_opts){.name = tn_caffe_name(c, l, "mean"),
                                    .kind = TN_POOL_MEAN_PAD,
                                    .kernel = {size},
                                    .stride = {1},
                                    .pad = {(size - 1) / 2}});
    y = tn_caffe_plus(c, l, "plus", tn_caffe_times(c, l, "times", y, alpha), 1);
    y = tn_pow(g, y, tn_constant(g, tn_caffe_name(c, l, "beta"), (tn_tensor){TN_F32, {0}, &power}),
               &(tn_layer_opts){tn_caffe_name(c, l, "power")});
    return tn_mul(g, x, y, &(tn_layer_opts){l->name});
}

static tn_status add_lrn(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_LRN);
    const int64_t size = tn_proto_int(&p, LRN_SIZE, 5);
    const float alpha = (float)tn_proto_real(&p, LRN_ALPHA, 1),
                beta = (float)tn_proto_real(&p, LRN_BETA, 0.75);
    const float k = (float)tn_proto_real(&p, LRN_K, 1);
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (size < 1 || size > 255 || size % 2 == 0)
        return tn_caffe_refuse(c, l, "local_size is %lld, not an odd number", (long long)size);
    if (tn_proto_int(&p, LRN_REGION, 0))
        return tn_caffe_top(c, l, 0, within(c, l, x, (int)size, alpha, beta));
    return tn_caffe_top(c, l, 0,
                        tn_lrn(c->g, x,
                               &(tn_lrn_opts){.name = l->name,
                                              .size = (int)size,
                                              .alpha = TN_EXACTLY(alpha),
                                              .beta = TN_EXACTLY(beta),
                                              .k = k}));
}

/* ---- BatchNorm and Scale ---------------------------------------------------------------------- */

static bool reads(const tn_caffe_layer *l, const char *blob)
{
    for (int i = 0; i < l->num_bottoms; i++)
        if (strcmp(l->bottom[i], blob) == 0)
            return true;
    return false;
}

static bool by_channel(const tn_caffe_layer *scale)
{
    const tn_proto p = tn_caffe_param(scale, LAYER_SCALE);
    return scale->num_bottoms == 1 && scale->num_tops == 1 &&
           tn_proto_int(&p, SCALE_AXIS, 1) == 1 && tn_proto_int(&p, SCALE_AXES, 1) == 1;
}

/* The Scale that alone reads what a BatchNorm makes; NULL: there is none. */
static tn_caffe_layer *scale_behind(tn_caffe *c, const tn_caffe_layer *norm)
{
    tn_caffe_layer *scale = NULL;
    for (int i = c->at + 1; i < c->num_layers && norm->num_tops == 1; i++) {
        tn_caffe_layer *other = &c->layer[i];
        if (!reads(other, norm->top[0]))
            continue;
        if (scale)
            return NULL;
        if (strcmp(other->type, "Scale") != 0 || !by_channel(other))
            return NULL;
        scale = other;
        if (strcmp(scale->top[0], norm->top[0]) == 0)
            break; /* in place: those behind read what it makes */
    }
    return scale;
}

static tn_status scale_opts(tn_caffe *c, const tn_caffe_layer *l, tn_param_opts *weight,
                            tn_param_opts *bias, bool *has_bias)
{
    const tn_proto p = tn_caffe_param(l, LAYER_SCALE);
    tn_proto filler;
    TN_TRY(tn_caffe_param_opts(
        c, l, 0, tn_proto_message(&p, SCALE_FILLER, &filler) ? &filler : NULL, weight));
    TN_TRY(tn_caffe_param_opts(
        c, l, 1, tn_proto_message(&p, SCALE_BIAS_FILLER, &filler) ? &filler : NULL, bias));
    *has_bias = tn_proto_int(&p, SCALE_BIAS, 0);
    return TN_OK;
}

static const tn_param_opts fixed = {.rate = TN_ZERO, .decay = TN_ZERO};

/* NVIDIA's fork has the weight and the bias of a Scale in the BatchNorm, its blobs 3 and 4. */
static bool scales_itself(const tn_proto *p)
{
    return tn_proto_int(p, BN_SCALE_BIAS, 0) || tn_proto_has(p, BN_SCALE_FILLER);
}

static tn_status own_opts(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *p,
                          tn_param_opts *weight, tn_param_opts *bias)
{
    tn_proto filler;
    TN_TRY(tn_caffe_param_opts(
        c, l, 3, tn_proto_message(p, BN_SCALE_FILLER, &filler) ? &filler : NULL, weight));
    TN_TRY(tn_caffe_param_opts(
        c, l, 4, tn_proto_message(p, BN_BIAS_FILLER, &filler) ? &filler : NULL, bias));
    TN_TRY(tn_caffe_take_blob(c, l, 3, l->name, "weight", TN_CAFFE_AS_IT_IS));
    return tn_caffe_take_blob(c, l, 4, l->name, "bias", TN_CAFFE_AS_IT_IS);
}

/* Learned weight and bias come from the Scale behind; without one they are 1 and 0. */
static tn_status add_batchnorm(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_BATCHNORM);
    const float momentum = 1 - (float)tn_proto_real(&p, BN_FRACTION, 0.999);
    const bool own = scales_itself(&p);
    tn_caffe_layer *scale = own ? NULL : scale_behind(c, l);
    tn_batchnorm_opts opts = {.name = l->name,
                              .epsilon = (float)tn_proto_real(&p, BN_EPSILON, 1e-5),
                              .momentum = TN_EXACTLY(momentum),
                              .weight = fixed,
                              .bias = fixed};
    bool has_bias = false;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (!own && !scale && (tn_proto_has(&p, BN_FILLER) || tn_proto_has(&p, BN_BIAS_FILLER)))
        return tn_caffe_refuse(c, l, "whether it scales by itself, as in a fork, it does not say");
    if (own)
        TN_TRY(own_opts(c, l, &p, &opts.weight, &opts.bias));
    if (scale)
        TN_TRY(scale_opts(c, scale, &opts.weight, &opts.bias, &has_bias));
    if (!own && !has_bias)
        opts.bias = fixed;
    if (tn_proto_int(&p, BN_GLOBAL, 0) && c->trains)
        TN_TRY(tn_caffe_note(c, l,
                             "trained with the statistics of each batch, not with those it keeps "
                             "(use_global_stats)"));
    const tn_value y = tn_batchnorm(c->g, x, &opts);
    TN_TRY(tn_caffe_take_blob(c, l, 0, l->name, "running_mean", TN_CAFFE_DIVIDED));
    TN_TRY(tn_caffe_take_blob(c, l, 1, l->name, "running_var", TN_CAFFE_DIVIDED));
    if (!scale)
        return tn_caffe_top(c, l, 0, y);
    TN_TRY(tn_caffe_take_blob(c, scale, 0, l->name, "weight", TN_CAFFE_AS_IT_IS));
    if (has_bias)
        TN_TRY(tn_caffe_take_blob(c, scale, 1, l->name, "bias", TN_CAFFE_AS_IT_IS));
    scale->type = "Silence"; /* it is done */
    scale->num_bottoms = 0;
    return tn_caffe_top(c, scale, 0, y);
}

static tn_status add_scale(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_scale_opts opts = {.name = l->name};
    bool has_bias;
    tn_value x[2];
    tn_shape a, b;
    if (!tn_caffe_bottoms(c, l, 1, x, 2))
        return TN_OK;
    if (l->num_bottoms == 1 && !by_channel(l))
        return tn_caffe_refuse(c, l, "what is imported scales by channel: axis 1, num_axes 1");
    TN_TRY(scale_opts(c, l, &opts.weight, &opts.bias, &has_bias));
    opts.no_bias = !has_bias;
    if (l->num_bottoms == 1) {
        TN_TRY(tn_caffe_take_blob(c, l, 0, l->name, "weight", TN_CAFFE_AS_IT_IS));
        if (has_bias)
            TN_TRY(tn_caffe_take_blob(c, l, 1, l->name, "bias", TN_CAFFE_AS_IT_IS));
        return tn_caffe_top(c, l, 0, tn_scale(c->g, x[0], &opts));
    }
    TN_TRY(tn_value_shape(c->g, x[0], &a));
    TN_TRY(tn_value_shape(c->g, x[1], &b));
    const tn_proto p = tn_caffe_param(l, LAYER_SCALE);
    if (has_bias || tn_proto_int(&p, SCALE_AXIS, 1) != 0 || b.ndim > a.ndim)
        return tn_caffe_refuse(
            c, l, "of two inputs only those are imported whose axis is 0 and that have no bias");
    tn_shape wide = {.ndim = a.ndim};
    for (int i = 0; i < a.ndim; i++)
        wide.dim[i] = i < b.ndim ? 0 : 1;
    x[1] = tn_reshape(c->g, x[1],
                      &(tn_reshape_opts){.name = tn_caffe_name(c, l, "wide"), .shape = wide});
    return tn_caffe_top(c, l, 0, tn_mul(c->g, x[0], x[1], &(tn_layer_opts){l->name}));
}

/* A vector by channel, added. */
static tn_status add_bias(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_BIAS);
    tn_param_opts opts;
    tn_proto filler;
    tn_shape shape;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (tn_proto_int(&p, BIAS_AXIS, 1) != 1 || tn_proto_int(&p, BIAS_AXES, 1) != 1)
        return tn_caffe_refuse(c, l, "what is imported adds by channel: axis 1, num_axes 1");
    TN_TRY(tn_value_shape(c->g, x, &shape));
    TN_TRY(tn_caffe_param_opts(c, l, 0, tn_proto_message(&p, BIAS_FILLER, &filler) ? &filler : NULL,
                               &opts));
    tn_shape vector = {.ndim = shape.ndim - 1};
    for (int i = 0; i < vector.ndim; i++)
        vector.dim[i] = i ? 1 : shape.dim[1];
    const tn_value bias = tn_param(c->g, tn_caffe_name(c, l, "bias"), vector, &opts);
    TN_TRY(tn_caffe_take_blob(c, l, 0, tn_caffe_name(c, l, "bias"), "", TN_CAFFE_AS_IT_IS));
    return tn_caffe_top(c, l, 0, tn_add(c->g, x, bias, &(tn_layer_opts){l->name}));
}

/* ---- MVN -------------------------------------------------------------------------------------- */

/* Caffe divides by sqrt(variance) + eps, Tenon by sqrt(variance + epsilon): with an eps that small the same to rounding. */
static tn_status add_mvn(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_MVN);
    const bool across = tn_proto_int(&p, MVN_ACROSS, 0);
    const float epsilon = (float)tn_proto_real(&p, MVN_EPSILON, 1e-9);
    tn_shape shape;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x, &shape));
    if (!tn_proto_int(&p, MVN_VARIANCE, 1) || epsilon > 1e-6f || shape.ndim < 3)
        return tn_caffe_refuse(
            c, l, "what is imported divides by the deviation, of images, with an eps up to 1e-6");
    return tn_caffe_top(
        c, l, 0,
        tn_normalize(
            c->g, x,
            &(tn_normalize_opts){.name = l->name,
                                 .kind = across ? TN_NORM_LAYER : TN_NORM_INSTANCE,
                                 .dims = across ? shape.ndim - 1 : 0,
                                 .epsilon = epsilon * epsilon > 0 ? epsilon * epsilon : 1e-18f,
                                 .no_weight = true,
                                 .no_bias = true}));
}

const tn_caffe_kind tn_caffe_norm = {{{"LRN", add_lrn},
                                      {"BatchNorm", add_batchnorm},
                                      {"Scale", add_scale},
                                      {"Bias", add_bias},
                                      {"MVN", add_mvn}}};
