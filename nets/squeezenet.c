/*
 * SqueezeNet 1.1: Iandola et al. 2016, arXiv:1602.07360, in the form that its authors gave it later (2.4 times less
 * work), as torchvision.models has it. A fire module squeezes to few channels by 1x1 and expands by 1x1 and 3x3 side by
 * side; the classes are the channels of a last 1x1 convolution, and their mean over the image.
 */
#include <stdio.h>

#include "nets.h"

static tn_value conv_relu(tn_graph *g, tn_value x, const char *block, const char *part, int filters,
                          int kernel)
{
    char name[NET_NAME];
    snprintf(name, sizeof name, "%s.%s", block, part);
    const tn_conv2d_opts opts = {
        .name = name, .filters = filters, .kernel = {kernel}, .pad = {kernel / 2}};
    return tn_relu(g, tn_conv2d(g, x, &opts), NULL);
}

static tn_value fire(tn_graph *g, tn_value x, int number, int squeeze, int expand)
{
    char block[NET_NAME / 2];
    snprintf(block, sizeof block, "features.%d", number);
    x = conv_relu(g, x, block, "squeeze", squeeze, 1);
    const tn_value way[] = {conv_relu(g, x, block, "expand1x1", expand, 1),
                            conv_relu(g, x, block, "expand3x3", expand, 3)};
    return tn_concat(g, 2, way, NULL);
}

tn_value net_squeezenet(tn_graph *g, tn_value x, int classes)
{
    const tn_pool2d_opts halving = {.kernel = {3}, .stride = {2}, .ceil = true};
    const tn_conv2d_opts first = {
        .name = "features.0", .filters = 64, .kernel = {3}, .stride = {2}};
    x = tn_pool2d(g, tn_relu(g, tn_conv2d(g, x, &first), NULL), &halving);
    x = fire(g, fire(g, x, 3, 16, 64), 4, 16, 64);
    x = tn_pool2d(g, x, &halving);
    x = fire(g, fire(g, x, 6, 32, 128), 7, 32, 128);
    x = tn_pool2d(g, x, &halving);
    x = fire(g, fire(g, x, 9, 48, 192), 10, 48, 192);
    x = fire(g, fire(g, x, 11, 64, 256), 12, 64, 256);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "classifier.0", .rate = 0.5f});
    const tn_conv2d_opts last = {.name = "classifier.1",
                                 .filters = classes,
                                 .kernel = {1},
                                 .weight = {.init = {TN_INIT_NORMAL, 0.01f}}};
    x = tn_relu(g, tn_conv2d(g, x, &last), NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    return tn_flatten(g, x, NULL);
}
