/*
 * The table of all networks.
 */
#include "nets.h"

#include <string.h>

/* Mean and deviation of ImageNet's pixels, as torchvision's models want them. */
#define IMAGENET                                         \
    {                                                    \
        .mean = {123.675f, 116.28f, 103.53f}, .scale = { \
            1 / (255 * 0.229f),                          \
            1 / (255 * 0.224f),                          \
            1 / (255 * 0.225f)                           \
        }                                                \
    }
/* Pixels from 0 to 255 with the mean taken off, as Caffe's. */
#define CAFFE                                         \
    {                                                 \
        .mean = {123, 117, 104}, .scale = { 1, 1, 1 } \
    }
#define IMAGES(side, to) .size = (side), .resize = (to), .channels = 3

static const net nets[] = {
    {"torchvision", "AlexNet as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_torchvision},
    {"caffe", "AlexNet as Caffe's bvlc_alexnet", IMAGES(227, 256), .input = CAFFE,
     .build = net_caffe},
    {"2012", "AlexNet as in the paper", IMAGES(227, 256), .input = CAFFE, .build = net_krizhevsky},
    {"slim", "AlexNet, an eighth of torchvision's widths", IMAGES(224, 256), .input = IMAGENET,
     .build = net_slim},
    {"lenet", "LeNet as Caffe's", .size = 28, .resize = 28, .channels = 1,
     .input = {.scale = {1.0f / 256}}, .build = net_lenet},
    {"vgg11", "VGG-11 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_vgg11},
    {"vgg16", "VGG-16 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_vgg16},
    {"googlenet", "GoogLeNet as Caffe's bvlc_googlenet", IMAGES(224, 256), .input = CAFFE,
     .build = net_googlenet, .build_training = net_googlenet_training},
    {"resnet18", "ResNet-18 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_resnet18},
    {"resnet50", "ResNet-50 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_resnet50},
    {"squeezenet", "SqueezeNet 1.1 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_squeezenet},
};

const net *net_find(const char *name)
{
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
        if (strcmp(nets[i].name, name) == 0)
            return &nets[i];
    return NULL;
}

const char *net_name(int index)
{
    const int count = (int)(sizeof nets / sizeof nets[0]);
    return index >= 0 && index < count ? nets[index].name : NULL;
}
