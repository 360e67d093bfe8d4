/*
 * GoogLeNet, ResNet-18 and ResNet-50. Nodes are called as where they come from calls them.
 *
 * googlenet: Szegedy et al. 2014, arXiv:1409.4842, as BVLC's models/bvlc_googlenet: LRN after the first
 * pooling and the third convolution, pooling rounds up, biases begin at 0.2 and learn at twice the rate,
 * without decay. Without the two auxiliary classifiers, which only training used.
 *
 * resnet18, resnet50: He et al. 2015, arXiv:1512.03385, as torchvision.models has them: in a bottleneck the
 * 3x3 convolution has the stride.
 */
#include <stdio.h>

#include "nets.h"

enum { LONGEST = 48 }; /* name of a node */

/* ---- GoogLeNet -------------------------------------------------------------------------------- */

static const tn_pool2d_opts halving = {.kernel = {3}, .stride = {2}, .ceil = true};
static const tn_lrn_opts normalise = {.size = 5, .alpha = 1e-4f, .beta = 0.75f, .k = 1};

static tn_value google_conv(tn_graph *g, tn_value x, const char *block, const char *part,
                            int filters, int kernel)
{
    char name[LONGEST];
    snprintf(name, sizeof name, "%s%s", block, part);
    const tn_conv2d_opts opts = {
        .name = name,
        .filters = filters,
        .kernel = {kernel},
        .stride = {kernel == 7 ? 2 : 1},
        .pad = {kernel / 2},
        .weight = {.init = {.kind = TN_INIT_XAVIER}},
        .bias = {.init = {TN_INIT_CONSTANT, 0.2f}, .rate = 2, .decay = TN_ZERO},
    };
    return tn_relu(g, tn_conv2d(g, x, &opts), NULL);
}

typedef struct inception {
    const char *name;
    int one, three_reduce, three, five_reduce, five, pool; /* filters */
    bool halves;                                           /* pooling follows */
} inception;

/* Four ways side by side. */
static tn_value inception_of(tn_graph *g, tn_value x, const inception *i)
{
    const tn_pool2d_opts around = {.kernel = {3}, .stride = {1}, .pad = {1}};
    tn_value way[4];
    way[0] = google_conv(g, x, i->name, ".1x1", i->one, 1);
    way[1] = google_conv(g, x, i->name, ".3x3_reduce", i->three_reduce, 1);
    way[1] = google_conv(g, way[1], i->name, ".3x3", i->three, 3);
    way[2] = google_conv(g, x, i->name, ".5x5_reduce", i->five_reduce, 1);
    way[2] = google_conv(g, way[2], i->name, ".5x5", i->five, 5);
    way[3] = google_conv(g, tn_pool2d(g, x, &around), i->name, ".pool_proj", i->pool, 1);
    x = tn_concat(g, 4, way, NULL);
    return i->halves ? tn_pool2d(g, x, &halving) : x;
}

tn_value net_googlenet(tn_graph *g, tn_value x, int classes)
{
    static const inception blocks[] = {
        {"3a", 64, 96, 128, 16, 32, 32, false},     {"3b", 128, 128, 192, 32, 96, 64, true},
        {"4a", 192, 96, 208, 16, 48, 64, false},    {"4b", 160, 112, 224, 24, 64, 64, false},
        {"4c", 128, 128, 256, 24, 64, 64, false},   {"4d", 112, 144, 288, 32, 64, 64, false},
        {"4e", 256, 160, 320, 32, 128, 128, true},  {"5a", 256, 160, 320, 32, 128, 128, false},
        {"5b", 384, 192, 384, 48, 128, 128, false},
    };
    x = google_conv(g, x, "conv1", ".7x7_s2", 64, 7);
    x = tn_lrn(g, tn_pool2d(g, x, &halving), &normalise);
    x = google_conv(g, x, "conv2", ".3x3_reduce", 64, 1);
    x = google_conv(g, x, "conv2", ".3x3", 192, 3);
    x = tn_pool2d(g, tn_lrn(g, x, &normalise), &halving);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        x = inception_of(g, x, &blocks[i]);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.4f});
    const tn_dense_opts last = {.name = "classifier",
                                .units = classes,
                                .weight = {.init = {.kind = TN_INIT_XAVIER}},
                                .bias = {.rate = 2, .decay = TN_ZERO}};
    return tn_dense(g, x, &last);
}

/* ---- ResNet ----------------------------------------------------------------------------------- */

/* A convolution without bias and the batchnorm behind it: conv1 and bn1, or, with number 0, downsample.0 and
 * downsample.1. */
static tn_value conv_bn(tn_graph *g, tn_value x, const char *block, int number, int filters,
                        int kernel, int stride)
{
    char conv[LONGEST + 16], norm[LONGEST + 16];
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
            char name[LONGEST];
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
