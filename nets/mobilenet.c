/*
 * MobileNetV2: Sandler et al. 2018, arXiv:1801.04381, as torchvision.models has it. An inverted residual expands the
 * channels by 1x1, works on each by itself with a 3x3, and projects back without a relu; where nothing changes its
 * shape, the input is added. All relus end at 6.
 */
#include <stdio.h>

#include "nets.h"

/* Of so many repeated blocks the first has the stride. */
typedef struct stage {
    int expand, channels, repeat, stride;
} stage;

/* A convolution without bias and the batchnorm behind it: `part`.`conv` and `part`.`norm` of torchvision. */
static tn_value conv_bn(tn_graph *g, tn_value x, const char *conv, const char *norm,
                        tn_conv2d_opts opts)
{
    opts.name = conv;
    opts.no_bias = true;
    opts.pad[0] = opts.kernel[0] / 2;
    return tn_batchnorm(g, tn_conv2d(g, x, &opts), &(tn_batchnorm_opts){.name = norm});
}

/* The same in a ConvNormActivation of torchvision, which is a list of three. */
static tn_value conv_bn_relu6(tn_graph *g, tn_value x, const char *part, tn_conv2d_opts opts)
{
    char conv[NET_NAME + 4], norm[NET_NAME + 4];
    snprintf(conv, sizeof conv, "%s.0", part);
    snprintf(norm, sizeof norm, "%s.1", part);
    return tn_clip(g, conv_bn(g, x, conv, norm, opts), &(tn_clip_opts){.min = 0, .max = 6});
}

static tn_value inverted_residual(tn_graph *g, tn_value x, int number, int from, const stage *s,
                                  int stride)
{
    char part[NET_NAME], norm[NET_NAME];
    const int wide = from * s->expand;
    int place = 0; /* in torchvision's list */
    tn_value y = x;
    if (s->expand > 1) {
        snprintf(part, sizeof part, "features.%d.conv.%d", number, place++);
        y = conv_bn_relu6(g, y, part, (tn_conv2d_opts){.filters = wide, .kernel = {1}});
    }
    snprintf(part, sizeof part, "features.%d.conv.%d", number, place++);
    y = conv_bn_relu6(
        g, y, part,
        (tn_conv2d_opts){.filters = wide, .kernel = {3}, .stride = {stride}, .groups = wide});
    snprintf(part, sizeof part, "features.%d.conv.%d", number, place++);
    snprintf(norm, sizeof norm, "features.%d.conv.%d", number, place);
    y = conv_bn(g, y, part, norm, (tn_conv2d_opts){.filters = s->channels, .kernel = {1}});
    return stride == 1 && from == s->channels ? tn_add(g, x, y, NULL) : y;
}

tn_value net_mobilenet_v2(tn_graph *g, tn_value x, int classes)
{
    static const stage stages[] = {
        {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2},  {6, 64, 4, 2},
        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
    };
    int channels = 32, number = 1;
    x = conv_bn_relu6(g, x, "features.0",
                      (tn_conv2d_opts){.filters = channels, .kernel = {3}, .stride = {2}});
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        for (int k = 0; k < stages[i].repeat; k++) {
            x = inverted_residual(g, x, number++, channels, &stages[i], k ? 1 : stages[i].stride);
            channels = stages[i].channels;
        }
    x = conv_bn_relu6(g, x, "features.18", (tn_conv2d_opts){.filters = 1280, .kernel = {1}});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "classifier.0", .rate = 0.2f});
    return tn_dense(g, x,
                    &(tn_dense_opts){.name = "classifier.1",
                                     .units = classes,
                                     .weight = {.init = {TN_INIT_NORMAL, 0.01f}}});
}
