/*
 * The table of all networks.
 */
#include "nets.h"

#include <stdio.h>
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
/* From -1 to 1. */
#define SYMMETRIC                                                                         \
    {                                                                                     \
        .mean = {127.5f, 127.5f, 127.5f}, .scale = { 1 / 127.5f, 1 / 127.5f, 1 / 127.5f } \
    }
#define IMAGES(side, to) .size = (side), .resize = (to), .channels = 3, .classes = 1000

static const net nets[] = {
    {"torchvision", "AlexNet as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_torchvision},
    {"caffe", "AlexNet as Caffe's bvlc_alexnet", IMAGES(227, 256), .input = CAFFE,
     .build = net_caffe},
    {"2012", "AlexNet as in the paper", IMAGES(227, 256), .input = CAFFE, .build = net_krizhevsky},
    {"slim", "AlexNet, an eighth of torchvision's widths", IMAGES(224, 256), .input = IMAGENET,
     .build = net_slim},
    {"lenet", "LeNet as Caffe's", .size = 28, .resize = 28, .channels = 1, .classes = 10,
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
    {"mobilenet_v2", "MobileNetV2 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_mobilenet_v2},
    {"densenet121", "DenseNet-121 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_densenet121},
    {"squeezenet", "SqueezeNet 1.1 as torchvision has it", IMAGES(224, 256), .input = IMAGENET,
     .build = net_squeezenet},
    {"unet", "a small U-Net, a class a pixel", .size = 128, .resize = 128, .channels = 3,
     .classes = 2, .pixels = true, .input = IMAGENET, .build = net_unet},
    {"vit_tiny", "ViT-Tiny, patches of 16, as timm has it", IMAGES(224, 256), .input = SYMMETRIC,
     .build = net_vit_tiny},
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

const char *net_names(void)
{
    static char text[512];
    for (size_t i = 0, used = 0; net_name((int)i) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "",
                                 net_name((int)i));
    return text;
}

static tn_loss loss_of(tn_graph *g, tn_value logits, net_labels l, const tn_softmax_xent_opts *opts)
{
    return l.partner.id ? tn_softmax_xent_mixed(g, logits, l.label, l.partner, l.share, opts)
                        : tn_softmax_xent(g, logits, l.label, opts);
}

tn_loss net_train(const net *n, tn_graph *g, tn_value x, net_labels labels, int classes,
                  const tn_softmax_xent_opts *opts, tn_value *logits)
{
    tn_value aux[NET_AUX] = {{0}};
    *logits = n->build_training ? n->build_training(g, x, classes, aux) : n->build(g, x, classes);
    tn_loss loss = loss_of(g, *logits, labels, opts);
    if (!n->build_training)
        return loss;
    float weight = 0.3f; /* Szegedy et al., section 5 */
    const tn_value w = tn_constant(g, "auxiliary_weight", (tn_tensor){TN_F32, {0}, &weight});
    for (int i = 0; i < NET_AUX; i++) {
        const tn_value beside = loss_of(g, aux[i], labels, NULL).loss;
        loss.loss = tn_add(g, loss.loss, tn_mul(g, beside, w, NULL), NULL);
    }
    return loss;
}
