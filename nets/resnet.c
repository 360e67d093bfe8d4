/*
 * ResNet-18 and ResNet-50: He et al. 2015, arXiv:1512.03385, as torchvision.models has them, whose names the nodes have:
 * in a bottleneck the 3x3 convolution has the stride.
 */
#include <stdio.h>

#include "nets.h"

/* A convolution without bias and the batchnorm behind it: conv1 and bn1, or, with number 0, downsample.0 and
 * downsample.1. */
static tn_value conv_bn(tn_graph *g, tn_value x, const char *block, int number, int filters,
                        int kernel, int stride)
{
    char conv[NET_NAME + 16], norm[NET_NAME + 16];
    snprintf(conv, sizeof conv, number ? "%sconv%d" : "%sdownsample.%d", block, number);
    snprintf(norm, sizeof norm, number ? "%sbn%d" : "%sdownsample.1", block, number);
    const tn_conv2d_opts opts = {.name = conv,
                                 .filters = filters,
                                 .kernel = {kernel},
                                 .stride = {stride},
                                 .pad = {kernel / 2},
                                 .no_bias = true};
    return tn_batchnorm(g, tn_conv2d(g, x, &opts), &(tn_batchnorm_opts){.name = norm});
}

/* Two 3x3, or between two 1x1 one 3x3 of a quarter of the channels. */
static tn_value residual(tn_graph *g, tn_value x, const char *block, int filters, int stride,
                         bool changes, bool bottleneck)
{
    const int channels = bottleneck ? 4 * filters : filters;
    const tn_value around = changes ? conv_bn(g, x, block, 0, channels, 1, stride) : x;
    if (bottleneck) {
        x = tn_relu(g, conv_bn(g, x, block, 1, filters, 1, 1), NULL);
        x = tn_relu(g, conv_bn(g, x, block, 2, filters, 3, stride), NULL);
        x = conv_bn(g, x, block, 3, channels, 1, 1);
    } else {
        x = tn_relu(g, conv_bn(g, x, block, 1, filters, 3, stride), NULL);
        x = conv_bn(g, x, block, 2, filters, 3, 1);
    }
    return tn_relu(g, tn_add(g, x, around, NULL), NULL);
}

static tn_value resnet(tn_graph *g, tn_value x, int classes, const int blocks[4], bool bottleneck)
{
    x = tn_relu(g, conv_bn(g, x, "", 1, 64, 7, 2), NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}, .pad = {1}});
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < blocks[stage]; i++) {
            char name[NET_NAME];
            snprintf(name, sizeof name, "layer%d.%d.", stage + 1, i);
            const bool changes = i == 0 && (stage > 0 || bottleneck);
            x = residual(g, x, name, 64 << stage, stage > 0 && i == 0 ? 2 : 1, changes, bottleneck);
        }
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    const tn_param_opts calm = {.init = {.kind = TN_INIT_FAN_IN}};
    return tn_dense(g, x,
                    &(tn_dense_opts){.name = "fc", .units = classes, .weight = calm, .bias = calm});
}

tn_value net_resnet18(tn_graph *g, tn_value x, int classes)
{
    return resnet(g, x, classes, (int[]){2, 2, 2, 2}, false);
}

tn_value net_resnet50(tn_graph *g, tn_value x, int classes)
{
    return resnet(g, x, classes, (int[]){3, 4, 6, 3}, true);
}
