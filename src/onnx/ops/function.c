/* Functions of one value that are a layer of the same name and numbers. */
#include <string.h>

#include <tenon/layers.h>

#include "onnx/known.h"

typedef tn_value plain(tn_graph *g, tn_value x, const tn_layer_opts *opts);

static tn_status add_plain(tn_onnx *o, const tn_onnx_node *n)
{
    static const struct {
        const char *op;
        plain *layer;
    } layers[] = {
        {"Softplus", tn_softplus}, {"Softsign", tn_softsign}, {"Mish", tn_mish},
        {"Erf", tn_erf},           {"Floor", tn_floor},       {"Ceil", tn_ceil},
        {"Round", tn_round},       {"Sign", tn_sign},         {"Reciprocal", tn_reciprocal},
        {"Sin", tn_sin},           {"Cos", tn_cos},           {"Atan", tn_atan}};
    size_t i = 0;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    while (strcmp(layers[i].op, n->op) != 0)
        i++;
    return tn_onnx_give(o, n, 0, layers[i].layer(o->g, x, &(tn_layer_opts){n->name}));
}

static tn_status add_selu(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1.67326319217681884765625),
                gamma = (float)tn_onnx_real(n, "gamma", 1.05070102214813232421875);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!(alpha >= 0 && gamma > 0))
        return tn_onnx_refuse(o, n, "its alpha is %g and its gamma %g", (double)alpha,
                              (double)gamma);
    const tn_selu_opts opts = {.name = n->name, .alpha = TN_EXACTLY(alpha), .gamma = gamma};
    return tn_onnx_give(o, n, 0, tn_selu(o->g, x, &opts));
}

static tn_status add_celu(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!(alpha > 0))
        return tn_onnx_refuse(o, n, "its alpha is %g", (double)alpha);
    return tn_onnx_give(o, n, 0,
                        tn_celu(o->g, x, &(tn_celu_opts){.name = n->name, .alpha = alpha}));
}

static tn_status add_thresholded_relu(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    const tn_thresholded_relu_opts opts = {.name = n->name, .alpha = TN_EXACTLY(alpha)};
    return tn_onnx_give(o, n, 0, tn_thresholded_relu(o->g, x, &opts));
}

const tn_onnx_ops tn_onnx_ops_function = {{{"Softplus", 1, add_plain},
                                           {"Softsign", 1, add_plain},
                                           {"Mish", 18, add_plain},
                                           {"Erf", 9, add_plain},
                                           {"Floor", 6, add_plain},
                                           {"Ceil", 6, add_plain},
                                           {"Round", 11, add_plain},
                                           {"Sign", 9, add_plain},
                                           {"Reciprocal", 6, add_plain},
                                           {"Sin", 7, add_plain},
                                           {"Cos", 7, add_plain},
                                           {"Atan", 7, add_plain},
                                           {"Selu", 6, add_selu},
                                           {"Celu", 12, add_celu},
                                           {"ThresholdedRelu", 10, add_thresholded_relu}}};
