/*
 * GoogLeNet: Szegedy et al. 2014, arXiv:1409.4842, as BVLC's models/bvlc_googlenet, whose names the nodes have, a dot for
 * each slash: LRN after the first pooling and the third convolution, pooling rounds up, biases begin at 0.2 and learn at
 * twice the rate, without decay. Two auxiliary classifiers, behind 4a and 4d, are for training alone.
 */
#include <stdio.h>

#include "nets.h"

static const tn_pool2d_opts halving = {.kernel = {3}, .stride = {2}, .ceil = true};
static const tn_lrn_opts normalise = {.size = 5, .alpha = 1e-4f, .beta = 0.75f, .k = 1};

static tn_value google_conv(tn_graph *g, tn_value x, const char *block, const char *part,
                            int filters, int kernel)
{
    char name[NET_NAME];
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

static const tn_param_opts xavier = {.init = {.kind = TN_INIT_XAVIER}};

static tn_value classifier(tn_graph *g, tn_value x, const char *name, int classes)
{
    return tn_dense(g, x,
                    &(tn_dense_opts){.name = name,
                                     .units = classes,
                                     .weight = xavier,
                                     .bias = {.rate = 2, .decay = TN_ZERO}});
}

/* Pooling 5/3, 1x1 to 128, dense 1024, and the classes. */
static tn_value auxiliary(tn_graph *g, tn_value x, const char *block, int classes)
{
    char fc[NET_NAME], drop[NET_NAME], last[NET_NAME];
    snprintf(fc, sizeof fc, "%s.fc", block);
    snprintf(drop, sizeof drop, "%s.drop", block);
    snprintf(last, sizeof last, "%s.classifier", block);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .kernel = {5}, .stride = {3}});
    x = google_conv(g, x, block, ".conv", 128, 1);
    const tn_dense_opts hidden = {
        .name = fc,
        .units = 1024,
        .weight = xavier,
        .bias = {.init = {TN_INIT_CONSTANT, 0.2f}, .rate = 2, .decay = TN_ZERO}};
    x = tn_relu(g, tn_dense(g, x, &hidden), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = drop, .rate = 0.7f});
    return classifier(g, x, last, classes);
}

tn_value net_googlenet_training(tn_graph *g, tn_value x, int classes, tn_value *aux)
{
    static const inception blocks[] = {
        {"3a", 64, 96, 128, 16, 32, 32, false},     {"3b", 128, 128, 192, 32, 96, 64, true},
        {"4a", 192, 96, 208, 16, 48, 64, false},    {"4b", 160, 112, 224, 24, 64, 64, false},
        {"4c", 128, 128, 256, 24, 64, 64, false},   {"4d", 112, 144, 288, 32, 64, 64, false},
        {"4e", 256, 160, 320, 32, 128, 128, true},  {"5a", 256, 160, 320, 32, 128, 128, false},
        {"5b", 384, 192, 384, 48, 128, 128, false},
    };
    enum { FIRST = 2, SECOND = 5 }; /* blocks behind which an auxiliary stands */
    tn_value behind[NET_AUX] = {{0}};
    x = google_conv(g, x, "conv1", ".7x7_s2", 64, 7);
    x = tn_lrn(g, tn_pool2d(g, x, &halving), &normalise);
    x = google_conv(g, x, "conv2", ".3x3_reduce", 64, 1);
    x = google_conv(g, x, "conv2", ".3x3", 192, 3);
    x = tn_pool2d(g, tn_lrn(g, x, &normalise), &halving);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        x = inception_of(g, x, &blocks[i]);
        if (i == FIRST || i == SECOND)
            behind[i == SECOND] = x;
    }
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.4f});
    x = classifier(g, x, "classifier", classes);
    /* Made last, so that all others are called the same with them and without. */
    for (int i = 0; aux && i < NET_AUX; i++)
        aux[i] = auxiliary(g, behind[i], i ? "loss2" : "loss1", classes);
    return x;
}

tn_value net_googlenet(tn_graph *g, tn_value x, int classes)
{
    return net_googlenet_training(g, x, classes, NULL);
}
