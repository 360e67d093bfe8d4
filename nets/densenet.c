/*
 * DenseNet-121: Huang et al. 2016, arXiv:1608.06993, as torchvision.models has it. In a dense block each layer reads
 * all that the block has made so far, one after the other along the channels, and adds 32 channels: batchnorm, relu, 1x1
 * to 128, batchnorm, relu, 3x3 to 32. Between blocks a transition halves channels and sides.
 */
#include <stdio.h>

#include "nets.h"

enum { GROWTH = 32, BOTTLENECK = 4 * GROWTH, MOST_LAYERS = 24 };

static tn_value norm_relu(tn_graph *g, tn_value x, const char *block, const char *part)
{
    char name[NET_NAME];
    snprintf(name, sizeof name, "features.%s%s", block, part);
    return tn_relu(g, tn_batchnorm(g, x, &(tn_batchnorm_opts){.name = name}), NULL);
}

static tn_value conv(tn_graph *g, tn_value x, const char *block, const char *part,
                     tn_conv2d_opts opts)
{
    char name[NET_NAME];
    snprintf(name, sizeof name, "features.%s%s", block, part);
    opts.name = name;
    opts.no_bias = true;
    return tn_conv2d(g, x, &opts);
}

static tn_value dense_block(tn_graph *g, tn_value x, int number, int layers)
{
    tn_value made[1 + MOST_LAYERS] = {x};
    for (int i = 0; i < layers; i++) {
        char layer[NET_NAME * 3 / 4];
        snprintf(layer, sizeof layer, "denseblock%d.denselayer%d.", number, i + 1);
        tn_value y = i ? tn_concat(g, i + 1, made, NULL) : x;
        y = norm_relu(g, y, layer, "norm1");
        y = conv(g, y, layer, "conv1", (tn_conv2d_opts){.filters = BOTTLENECK, .kernel = {1}});
        y = norm_relu(g, y, layer, "norm2");
        made[i + 1] = conv(g, y, layer, "conv2",
                           (tn_conv2d_opts){.filters = GROWTH, .kernel = {3}, .pad = {1}});
    }
    return tn_concat(g, layers + 1, made, NULL);
}

static tn_value transition(tn_graph *g, tn_value x, int number, int channels)
{
    char block[NET_NAME / 2];
    snprintf(block, sizeof block, "transition%d.", number);
    x = norm_relu(g, x, block, "norm");
    x = conv(g, x, block, "conv", (tn_conv2d_opts){.filters = channels, .kernel = {1}});
    return tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .kernel = {2}});
}

tn_value net_densenet121(tn_graph *g, tn_value x, int classes)
{
    static const int layers[] = {6, 12, MOST_LAYERS, 16};
    int channels = 64;
    x = conv(g, x, "", "conv0",
             (tn_conv2d_opts){.filters = channels, .kernel = {7}, .stride = {2}, .pad = {3}});
    x = norm_relu(g, x, "", "norm0");
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}, .pad = {1}});
    for (int i = 0; i < 4; i++) {
        x = dense_block(g, x, i + 1, layers[i]);
        channels += GROWTH * layers[i];
        if (i == 3)
            break;
        channels /= 2;
        x = transition(g, x, i + 1, channels);
    }
    x = norm_relu(g, x, "", "norm5");
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    const tn_param_opts calm = {.init = {.kind = TN_INIT_FAN_IN}};
    return tn_dense(g, x, &(tn_dense_opts){.name = "classifier", .units = classes, .weight = calm});
}
