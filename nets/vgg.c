/*
 * VGG-11 and VGG-16: Simonyan and Zisserman 2014, arXiv:1409.1556, their A and D, as torchvision.models has them:
 * nodes are called as its modules are, by their number in `features` and `classifier`. 3x3 convolutions, each followed by
 * relu, and a maximum over 2x2 behind each row of the table; dense 4096, 4096 and the classes, with dropout 0.5.
 */
#include <stdio.h>

#include "nets.h"

enum { POOL = -1, END = 0 };

static tn_value features(tn_graph *g, tn_value x, const int *filters)
{
    int number = 0; /* in torchvision's list, where a relu counts too */
    for (; *filters != END; filters++) {
        char name[NET_NAME];
        if (*filters == POOL) {
            x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
            number++;
            continue;
        }
        snprintf(name, sizeof name, "features.%d", number);
        x = tn_conv2d(
            g, x, &(tn_conv2d_opts){.name = name, .filters = *filters, .kernel = {3}, .pad = {1}});
        x = tn_relu(g, x, NULL);
        number += 2;
    }
    return x;
}

static tn_value vgg(tn_graph *g, tn_value x, int classes, const int *filters)
{
    const tn_param_opts small = {.init = {TN_INIT_NORMAL, 0.01f}};
    tn_dense_opts dense = {.name = "classifier.0", .units = 4096, .weight = small};
    x = features(g, x, filters);
    x = tn_relu(g, tn_dense(g, x, &dense), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "classifier.2", .rate = 0.5f});
    dense.name = "classifier.3";
    x = tn_relu(g, tn_dense(g, x, &dense), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "classifier.5", .rate = 0.5f});
    return tn_dense(g, x,
                    &(tn_dense_opts){.name = "classifier.6", .units = classes, .weight = small});
}

tn_value net_vgg11(tn_graph *g, tn_value x, int classes)
{
    static const int filters[] = {64,  POOL, 128,  POOL, 256, 256,  POOL,
                                  512, 512,  POOL, 512,  512, POOL, END};
    return vgg(g, x, classes, filters);
}

tn_value net_vgg16(tn_graph *g, tn_value x, int classes)
{
    static const int filters[] = {64,  64,  POOL, 128,  128, POOL, 256, 256,  256, POOL,
                                  512, 512, 512,  POOL, 512, 512,  512, POOL, END};
    return vgg(g, x, classes, filters);
}
