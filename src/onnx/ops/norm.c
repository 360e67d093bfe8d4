/* BatchNormalization, LRN, Layer-, Instance-, GroupNormalization, MeanVarianceNormalization. */
#include <float.h>
#include <math.h>
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

#define NAMED(n) (&(tn_layer_opts){(n)->name})
#define PART(o, n, part) (&(tn_layer_opts){tn_onnx_name(o, n, part)})

/* 0 is `least`, which a layer that takes none has as 0; false: refused. */
static bool read_epsilon(tn_onnx *o, const tn_onnx_node *n, float least, float *out)
{
    *out = (float)tn_onnx_real(n, "epsilon", 1e-5);
    *out = *out == 0 ? least : *out;
    if (*out > 0)
        return true;
    (void)tn_onnx_refuse(o, n, "its epsilon is %g, not above 0", (double)*out);
    return false;
}

/* ---- by the statistics of training --------------------------------------------------------------- */

static bool check_batchnorm(tn_onnx *o, const tn_onnx_node *n, const tn_shape *shape)
{
    const char *why = NULL;
    for (int i = 1; i < 5; i++) {
        const tn_onnx_known *k = tn_onnx_given(n, i);
        if (!k || shape->ndim < 2 || k->count != shape->dim[1])
            why =
                "its scale, bias, mean and variance are not known before the model runs, a number "
                "for each channel";
    }
    if (tn_onnx_wants(n, 1) || tn_onnx_wants(n, 2))
        why = "the statistics that it moves are read (training_mode)";
    if (!tn_onnx_int(n, "spatial", 1))
        why = "its statistics are of each pixel (spatial 0)";
    if (why)
        (void)tn_onnx_refuse(o, n, "%s", why);
    return !why;
}

/* x as images or as N x C; *back: the shape that it had, or none. */
static tn_value as_images(tn_onnx *o, const tn_onnx_node *n, tn_value x, const tn_shape *shape,
                          tn_shape *back)
{
    *back = (tn_shape){0};
    if (shape->ndim == 2 || shape->ndim == 4)
        return x;
    *back = tn_onnx_open_shape(o, x);
    return tn_onnx_reshape(o, n, "image", x,
                           TN_SHAPE(0, shape->dim[1], -1, shape->dim[shape->ndim - 1]));
}

static tn_status add_batchnorm(tn_onnx *o, const tn_onnx_node *n)
{
    const float momentum = 1 - (float)tn_onnx_real(n, "momentum", 0.9);
    tn_batchnorm_opts opts = {.name = n->name, .momentum = TN_EXACTLY(momentum)};
    tn_shape shape, back;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const tn_shape vector = TN_SHAPE(shape.dim[1]);
    if (!check_batchnorm(o, n, &shape) || !read_epsilon(o, n, FLT_MIN, &opts.epsilon) ||
        !tn_onnx_param(o, n, 1, &vector, &opts.weight.value) ||
        !tn_onnx_param(o, n, 2, &vector, &opts.bias.value))
        return TN_OK;
    if (tn_onnx_int(n, "training_mode", 0))
        TN_TRY(tn_onnx_note(o, n,
                            "trained with the statistics of each batch, evaluated with those it "
                            "keeps (training_mode)"));
    x = as_images(o, n, x, &shape, &back);
    opts.name = back.ndim ? tn_onnx_name(o, n, "norm") : n->name;
    tn_value y = tn_batchnorm(o->g, x, &opts);
    if (!y.id)
        return TN_OK;
    TN_TRY(tn_onnx_statistic(o, n->in[3]->known, tn_value_name(o->g, y), "running_mean"));
    TN_TRY(tn_onnx_statistic(o, n->in[4]->known, tn_value_name(o->g, y), "running_var"));
    if (back.ndim)
        y = tn_reshape(o->g, y, &(tn_reshape_opts){.name = n->name, .shape = back});
    return tn_onnx_give(o, n, 0, y);
}

/* ---- across channels ------------------------------------------------------------------------------ */

static tn_status add_lrn(tn_onnx *o, const tn_onnx_node *n)
{
    const int64_t size = tn_onnx_int(n, "size", 0);
    const float alpha = (float)tn_onnx_real(n, "alpha", 1e-4),
                beta = (float)tn_onnx_real(n, "beta", 0.75),
                bias = (float)tn_onnx_real(n, "bias", 1);
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (size < 1 || size > 255 || size % 2 == 0 || shape.ndim != 4)
        return tn_onnx_refuse(o, n, "its size is %lld, not an odd number, or its input no image",
                              (long long)size);
    if (!(bias > 0))
        return tn_onnx_refuse(o, n, "its bias is %g, not above 0", (double)bias);
    return tn_onnx_give(o, n, 0,
                        tn_lrn(o->g, x,
                               &(tn_lrn_opts){.name = n->name,
                                              .size = (int)size,
                                              .alpha = TN_EXACTLY(alpha),
                                              .beta = TN_EXACTLY(beta),
                                              .k = bias}));
}

/* ---- of each sample -------------------------------------------------------------------------------- */

/* A weight for each channel of what is given for each group. */
static tn_status spread_over(tn_onnx *o, const tn_onnx_node *n, int i, int64_t channels,
                             tn_value *out)
{
    tn_onnx_known *k = n->in[i]->known;
    float *to = tn_alloc((size_t)channels, sizeof *to);
    const tn_status status =
        to ? tn_onnx_read(o, k, to) : tn_no_memory("weights", (size_t)channels);
    if (status != TN_OK) {
        tn_free(to);
        return status;
    }
    for (int64_t c = channels - 1; c >= 0; c--)
        to[c] = to[c / (channels / k->count)];
    *out = tn_onnx_new_param(o, n->in[i]->name, TN_SHAPE(channels), to);
    return TN_OK;
}

/* Scale and bias of instance and group norm, a number for each channel. */
static tn_status read_affine(tn_onnx *o, const tn_onnx_node *n, int64_t channels, int64_t groups,
                             tn_normalize_opts *opts, bool *good)
{
    const tn_shape vector = TN_SHAPE(channels);
    tn_value *to[] = {&opts->weight.value, &opts->bias.value};
    *good = true;
    for (int i = 0; i < 2 && *good; i++) {
        const tn_onnx_known *k = tn_onnx_given(n, i + 1);
        if (k && groups > 0 && k->count == groups && groups != channels && channels % groups == 0)
            TN_TRY(spread_over(o, n, i + 1, channels, to[i]));
        else
            *good = tn_onnx_param(o, n, i + 1, &vector, to[i]);
    }
    return TN_OK;
}

static tn_status add_by_channels(tn_onnx *o, const tn_onnx_node *n, bool group)
{
    const int64_t groups = group ? tn_onnx_int(n, "num_groups", 0) : 0;
    tn_normalize_opts opts = {
        .name = n->name, .kind = group ? TN_NORM_GROUP : TN_NORM_INSTANCE, .groups = (int)groups};
    bool good;
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (!read_epsilon(o, n, 0, &opts.epsilon))
        return TN_OK;
    if (shape.ndim < 3 || (group && (groups < 1 || groups > shape.dim[1])))
        return tn_onnx_refuse(o, n, "its input is %s", tn_shape_format(&shape).text);
    TN_TRY(read_affine(o, n, shape.dim[1], groups, &opts, &good));
    return good ? tn_onnx_give(o, n, 0, tn_normalize(o->g, x, &opts)) : TN_OK;
}

static tn_status add_instance(tn_onnx *o, const tn_onnx_node *n)
{
    return add_by_channels(o, n, false);
}

static tn_status add_group(tn_onnx *o, const tn_onnx_node *n)
{
    return add_by_channels(o, n, true);
}

/* The mean, and 1 / sqrt(variance + epsilon), where somebody reads them. */
static tn_status give_statistics(tn_onnx *o, const tn_onnx_node *n, tn_value x, int axis, int ndim,
                                 float epsilon)
{
    tn_graph *g = o->g;
    tn_reduce_opts over = {.name = tn_onnx_name(o, n, "mean"), .keep = true};
    if (!tn_onnx_wants(n, 1) && !tn_onnx_wants(n, 2))
        return TN_OK;
    for (int i = axis; i < ndim; i++)
        over.axes.dim[over.axes.ndim++] = i;
    const tn_value mean = tn_reduce(g, x, &over);
    tn_value y = tn_sub(g, x, mean, PART(o, n, "centred"));
    over.name = tn_onnx_name(o, n, "variance");
    y = tn_reduce(g, tn_mul(g, y, y, PART(o, n, "square")), &over);
    y = tn_pow(g, tn_onnx_plus(o, n, "plus", y, epsilon), tn_onnx_scalar(o, n, "root", -0.5f),
               PART(o, n, "inverse"));
    TN_TRY(tn_onnx_give(o, n, 1, mean));
    return tn_onnx_give(o, n, 2, y);
}

/* All dimensions of one sample: with one more in front, which is left. */
static tn_status add_layer(tn_onnx *o, const tn_onnx_node *n)
{
    tn_normalize_opts opts = {.name = n->name, .no_bias = !tn_onnx_has(n, 2)};
    tn_shape shape, inner = {0}, ahead = {0};
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const int axis = tn_onnx_axis(o, n, shape.ndim, tn_onnx_int(n, "axis", -1));
    if (axis < 0 || !read_epsilon(o, n, 0, &opts.epsilon))
        return TN_OK;
    if (axis == 0 && shape.ndim == TN_MAX_DIMS)
        return tn_onnx_refuse(o, n, "it has %d dimensions", shape.ndim);
    for (int i = axis; i < shape.ndim; i++)
        inner.dim[inner.ndim++] = shape.dim[i];
    if (!tn_onnx_param(o, n, 1, &inner, &opts.weight.value) ||
        (!opts.no_bias && !tn_onnx_param(o, n, 2, &inner, &opts.bias.value)))
        return TN_OK;
    opts.dims = inner.ndim;
    TN_TRY(give_statistics(o, n, x, axis, shape.ndim, opts.epsilon));
    if (axis > 0)
        return tn_onnx_give(o, n, 0, tn_normalize(o->g, x, &opts));
    ahead.dim[ahead.ndim++] = 1;
    for (int i = 0; i < shape.ndim; i++)
        ahead.dim[ahead.ndim++] = shape.dim[i];
    opts.name = tn_onnx_name(o, n, "norm");
    x = tn_normalize(o->g, tn_onnx_reshape(o, n, "ahead", x, ahead), &opts);
    return tn_onnx_give(o, n, 0,
                        tn_reshape(o->g, x, &(tn_reshape_opts){.name = n->name, .shape = shape}));
}

/* (x - mean) / (deviation + 1e-9), over the batch and the pixels unless it says otherwise. */
static tn_status add_mvn(tn_onnx *o, const tn_onnx_node *n)
{
    tn_graph *g = o->g;
    tn_reduce_opts over = {.name = tn_onnx_name(o, n, "mean"), .keep = true};
    int64_t axes[TN_MAX_DIMS] = {0, 2, 3};
    int count;
    tn_shape shape;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !tn_onnx_wholes(o, n, "axes", -1, axes, TN_MAX_DIMS, &count) ||
        !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(g, x, &shape));
    for (int i = 0; i < (count < 0 ? 3 : count); i++) {
        const int axis = tn_onnx_axis(o, n, shape.ndim, axes[i]);
        if (axis < 0)
            return TN_OK;
        over.axes.dim[over.axes.ndim++] = axis;
    }
    const tn_value centred = tn_sub(g, x, tn_reduce(g, x, &over), PART(o, n, "centred"));
    over.name = tn_onnx_name(o, n, "variance");
    tn_value by = tn_reduce(g, tn_mul(g, centred, centred, PART(o, n, "square")), &over);
    by = tn_onnx_plus(o, n, "plus", tn_sqrt(g, by, PART(o, n, "deviation")), 1e-9f);
    return tn_onnx_give(o, n, 0, tn_div(g, centred, by, NAMED(n)));
}

const tn_onnx_ops tn_onnx_ops_norm = {{{"BatchNormalization", 1, add_batchnorm},
                                       {"LRN", 1, add_lrn},
                                       {"LayerNormalization", 17, add_layer},
                                       {"InstanceNormalization", 1, add_instance},
                                       {"GroupNormalization", 18, add_group},
                                       {"MeanVarianceNormalization", 9, add_mvn}}};
