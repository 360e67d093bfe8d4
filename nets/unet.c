/*
 * A small U-Net, for a class a pixel: Ronneberger et al. 2015, arXiv:1505.04597, with half its depth and a quarter of
 * its channels, convolutions padded so that what goes down and what comes up have the same sides.
 * Going down, twice 3x3 and relu, then a maximum over 2x2; going up, a transposed convolution 2x2 doubles the sides, what was
 * there on the way down is put beside it, and twice 3x3 and relu follow. x: N x C x H x W, H and W multiples of 8;
 * y: N x classes x H x W.
 */
#include <stdio.h>

#include "nets.h"

enum { LEVELS = 3, WIDTH = 16 };

static tn_value twice(tn_graph *g, tn_value x, const char *block, int filters)
{
    for (int i = 1; i <= 2; i++) {
        char name[NET_NAME];
        snprintf(name, sizeof name, "%s.conv%d", block, i);
        const tn_conv2d_opts opts = {.name = name, .filters = filters, .kernel = {3}, .pad = {1}};
        x = tn_relu(g, tn_conv2d(g, x, &opts), NULL);
    }
    return x;
}

static tn_value up(tn_graph *g, tn_value x, tn_value beside, int level)
{
    char block[NET_NAME / 2], name[NET_NAME];
    snprintf(block, sizeof block, "up%d", level + 1);
    snprintf(name, sizeof name, "%s.up", block);
    const tn_conv_transpose2d_opts opts = {
        .name = name, .filters = WIDTH << level, .kernel = {2}, .stride = {2}};
    const tn_value both[] = {beside, tn_conv_transpose2d(g, x, &opts)};
    return twice(g, tn_concat(g, 2, both, NULL), block, WIDTH << level);
}

tn_value net_unet(tn_graph *g, tn_value x, int classes)
{
    tn_value down[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        char block[NET_NAME / 2];
        snprintf(block, sizeof block, "down%d", i + 1);
        down[i] = twice(g, x, block, WIDTH << i);
        x = tn_pool2d(g, down[i], &(tn_pool2d_opts){.kernel = {2}});
    }
    x = twice(g, x, "bottom", WIDTH << LEVELS);
    for (int i = LEVELS; i-- > 0;)
        x = up(g, x, down[i], i);
    return tn_conv2d(g, x, &(tn_conv2d_opts){.name = "last", .filters = classes, .kernel = {1}});
}
