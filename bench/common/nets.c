/* Each as torchvision 0.14 has it; weights start normal with deviation sqrt(2 / fan_in), biases 0. Those of nets/ start
 * as they do there. */
#include "nets.h"

#include <string.h>

#include "../../nets/nets.h"

#define HE .weight = {.init = {.kind = TN_INIT_HE}}, .bias = {.init = {.kind = TN_INIT_CONSTANT}}

static tn_value max_3x3_2(tn_graph *g, tn_value x)
{
    return tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}});
}

/* Krizhevsky 2014, arXiv:1404.5997, "one weird trick". */
static tn_value alexnet(tn_graph *g, tn_value x, int classes)
{
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.filters = 64, .kernel = {11}, .stride = {4}, .pad = {2}, HE});
    x = max_3x3_2(g, tn_relu(g, x, NULL));
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 192, .kernel = {5}, .pad = {2}, HE});
    x = max_3x3_2(g, tn_relu(g, x, NULL));
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 384, .kernel = {3}, .pad = {1}, HE});
    x = tn_relu(g, x, NULL);
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 256, .kernel = {3}, .pad = {1}, HE});
    x = tn_relu(g, x, NULL);
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 256, .kernel = {3}, .pad = {1}, HE});
    x = max_3x3_2(g, tn_relu(g, x, NULL));
    x = tn_dropout(g, x, &(tn_dropout_opts){.rate = 0.5f});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.units = 4096, HE}), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.rate = 0.5f});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.units = 4096, HE}), NULL);
    return tn_dense(g, x, &(tn_dense_opts){.units = classes, HE});
}

/* Caffe's LeNet: 20 and 50 filters, 500 units. */
static tn_value lenet(tn_graph *g, tn_value x, int classes)
{
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 20, .kernel = {5}, HE});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 50, .kernel = {5}, HE});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.units = 500, HE}), NULL);
    return tn_dense(g, x, &(tn_dense_opts){.units = classes, HE});
}

static tn_value conv_bn(tn_graph *g, tn_value x, int filters, int kernel, int stride, int groups)
{
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.filters = filters,
                                    .kernel = {kernel},
                                    .stride = {stride},
                                    .pad = {kernel / 2},
                                    .groups = groups,
                                    .no_bias = true,
                                    HE});
    return tn_batchnorm(g, x, NULL);
}

/* Two convolutions of 3x3 and what goes around them. */
static tn_value residual(tn_graph *g, tn_value x, int filters, int stride)
{
    const tn_value around = stride > 1 ? conv_bn(g, x, filters, 1, stride, 1) : x;
    tn_value y = tn_relu(g, conv_bn(g, x, filters, 3, stride, 1), NULL);
    y = conv_bn(g, y, filters, 3, 1, 1);
    return tn_relu(g, tn_add(g, y, around, NULL), NULL);
}

static tn_value mean_dense(tn_graph *g, tn_value x, int classes)
{
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    return tn_dense(g, x, &(tn_dense_opts){.units = classes, HE});
}

/* He et al. 2015, arXiv:1512.03385: four stages of two blocks of two 3x3 convolutions. */
static tn_value resnet18(tn_graph *g, tn_value x, int classes)
{
    x = tn_relu(g, conv_bn(g, x, 64, 7, 2, 1), NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}, .pad = {1}});
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < 2; block++)
            x = residual(g, x, 64 << stage, stage > 0 && block == 0 ? 2 : 1);
    return mean_dense(g, x, classes);
}

/* The same paper's for 32 x 32, section 4.2: three stages of three blocks; shortcuts of another shape are 1x1 convolutions. */
static tn_value resnet20(tn_graph *g, tn_value x, int classes)
{
    x = tn_relu(g, conv_bn(g, x, 16, 3, 1, 1), NULL);
    for (int stage = 0; stage < 3; stage++)
        for (int block = 0; block < 3; block++)
            x = residual(g, x, 16 << stage, stage > 0 && block == 0 ? 2 : 1);
    return mean_dense(g, x, classes);
}

/* Howard et al. 2017, arXiv:1704.04861, table 1: of each channel a 3x3, then 1x1 of all. */
static tn_value mobilenet_v1(tn_graph *g, tn_value x, int classes)
{
    static const int to[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
    int from = 32;
    x = tn_relu(g, conv_bn(g, x, from, 3, 2, 1), NULL);
    for (int i = 0; i < (int)(sizeof to / sizeof to[0]); i++) {
        const int stride = i > 0 && to[i] > from ? 2 : 1;
        x = tn_relu(g, conv_bn(g, x, from, 3, stride, from), NULL);
        x = tn_relu(g, conv_bn(g, x, to[i], 1, 1, 1), NULL);
        from = to[i];
    }
    return mean_dense(g, x, classes);
}

static const bench_net nets[] = {
    {.name = "alexnet", .side = 224, .channels = 3, .classes = 1000, .build = alexnet},
    {.name = "lenet", .side = 28, .channels = 1, .classes = 10, .build = lenet},
    {.name = "resnet18", .side = 224, .channels = 3, .classes = 1000, .build = resnet18},
    {.name = "resnet20", .side = 32, .channels = 3, .classes = 10, .build = resnet20},
    {.name = "resnet50", .side = 224, .channels = 3, .classes = 1000, .build = net_resnet50},
    {.name = "googlenet", .side = 224, .channels = 3, .classes = 1000, .build = net_googlenet},
    {.name = "vgg11", .side = 224, .channels = 3, .classes = 1000, .build = net_vgg11},
    {.name = "mobilenet_v1", .side = 224, .channels = 3, .classes = 1000, .build = mobilenet_v1},
    {.name = "mobilenet_v2",
     .side = 224,
     .channels = 3,
     .classes = 1000,
     .build = net_mobilenet_v2},
    {.name = "densenet121", .side = 224, .channels = 3, .classes = 1000, .build = net_densenet121},
    {.name = "squeezenet", .side = 224, .channels = 3, .classes = 1000, .build = net_squeezenet},
    {.name = "vit_tiny", .side = 224, .channels = 3, .classes = 1000, .build = net_vit_tiny},
    {.name = "unet", .side = 128, .channels = 3, .classes = 21, .pixels = true, .build = net_unet},
};

const bench_net *bench_net_find(const char *name)
{
    const int count = (int)(sizeof nets / sizeof nets[0]);
    for (int i = 0; i < count; i++)
        if (strcmp(nets[i].name, name) == 0)
            return &nets[i];
    fprintf(stderr, "no net '%s'; there are:", name);
    for (int i = 0; i < count; i++)
        fprintf(stderr, " %s", nets[i].name);
    fprintf(stderr, "\n");
    exit(2);
}
