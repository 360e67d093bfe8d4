#include "lab_plans.h"

#include <string.h>

void lab_plan_free(lab_plan *m)
{
    tn_plan_destroy(m->plan);
    tn_graph_destroy(m->graph);
}

/* conv_transpose2d has the same graphs, of other shapes than those of any net here: a window a pixel as U-Net has it,
 * windows that overlap, and a picture that comes out. */
void lab_plan_decoder(tn_device *d, const char *precision_name)
{
    static const tn_conv_transpose2d_opts up[] = {
        {.name = "up1", .filters = 64, .kernel = {2}, .stride = {2}},
        {.name = "up2", .filters = 32, .kernel = {4}, .stride = {2}, .pad = {1}},
        {.name = "up3", .filters = 3, .kernel = {3}, .stride = {2}, .pad = {1}, .output_pad = {1}},
    };
    tn_precision precision;
    tn_step_info s;
    lab_plan m = {0};
    int found = 0;
    NEED(tn_precision_find(precision_name, &precision));
    NEED(tn_graph_create(&m.graph));
    tn_value x = tn_input(m.graph, "x", TN_F32, TN_SHAPE(BATCH, 128, 14, 14));
    for (size_t i = 0; i < TN_COUNT(up); i++)
        x = tn_conv_transpose2d(m.graph, x, &up[i]);
    const tn_value target = tn_input(m.graph, "target", TN_F32, TN_SHAPE(BATCH, 3, 112, 112));
    const tn_value loss = tn_mse(m.graph, x, target, NULL);
    NEED(tn_plan_create(&m.plan, m.graph, d,
                        &(tn_plan_opts){.loss = loss,
                                        .optim = tn_sgd(NULL),
                                        .input_gradients = true,
                                        .precision = precision,
                                        .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(m.plan); i++) {
        NEED(tn_plan_step(m.plan, i, &s));
        if (s.pass != TN_PASS_FORWARD || strcmp(s.op, "conv_transpose2d") != 0)
            continue;
        found++;
        if (strncmp(s.kernel, "of conv2d: y ", 13) != 0)
            printf("failed\tdecoder %s %s: not cuDNN: %s (%s)\n", precision_name, s.node, s.kernel,
                   s.refusals ? s.refusals : "");
    }
    if (found != (int)TN_COUNT(up))
        printf("failed\tdecoder %s: %d of its layers\n", precision_name, found);
    lab_plan_free(&m);
}

/* The end of a residual block whose batchnorm has gone into its weights: one graph, so x, what is added and y are moved once,
 * beside weights. */
void lab_plan_block(tn_device *d, const char *precision_name)
{
    enum { CHANNELS = 64, SIDE = 28, COUNT = BATCH * CHANNELS * SIDE * SIDE };
    const double once = (double)COUNT * (strstr(precision_name, "16") ? 2 : 4);
    tn_precision precision;
    tn_step_info s;
    lab_plan m = {0};
    bool found = false;
    NEED(tn_precision_find(precision_name, &precision));
    NEED(tn_graph_create(&m.graph));
    const tn_shape shape = TN_SHAPE(BATCH, CHANNELS, SIDE, SIDE);
    const tn_value x = tn_input(m.graph, "x", TN_F32, shape),
                   z = tn_input(m.graph, "z", TN_F32, shape);
    const tn_conv2d_opts conv = {.filters = CHANNELS, .kernel = {3}, .pad = {1}};
    const tn_value y =
        tn_relu(m.graph, tn_add(m.graph, tn_conv2d(m.graph, x, &conv), z, NULL), NULL);
    NEED(tn_plan_create(
        &m.plan, m.graph, d,
        &(tn_plan_opts){.keep = &y, .num_keep = 1, .precision = precision, .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(m.plan); i++) {
        NEED(tn_plan_step(m.plan, i, &s));
        found |= strcmp(s.op, "conv2d") == 0 && s.fused && strcmp(s.fused, "add+relu") == 0 &&
                 strncmp(s.kernel, "y ", 2) == 0 && (double)(s.read + s.written) < 3.1 * once;
    }
    if (!found)
        printf("failed\tblock %s: not one graph\n", precision_name);
    lab_plan_free(&m);
}

/* The end of a bottleneck: the convolution makes the sums that the batchnorm behind it begins with, where there is such an engine,
 * so that no other step reads its y for them. */
void lab_plan_sums(tn_device *d, const char *precision_name)
{
    tn_precision precision;
    tn_step_info s;
    lab_plan m = {0};
    NEED(tn_precision_find(precision_name, &precision));
    NEED(tn_graph_create(&m.graph));
    const tn_value x = tn_input(m.graph, "x", TN_F32, TN_SHAPE(BATCH, 64, 28, 28));
    const tn_conv2d_opts conv = {.name = "conv", .filters = 256, .kernel = {1}, .no_bias = true};
    const tn_value y =
        tn_relu(m.graph, tn_batchnorm(m.graph, tn_conv2d(m.graph, x, &conv), NULL), NULL);
    const tn_value target = tn_input(m.graph, "target", TN_F32, TN_SHAPE(BATCH, 256, 28, 28));
    NEED(tn_plan_create(&m.plan, m.graph, d,
                        &(tn_plan_opts){.loss = tn_mse(m.graph, y, target, NULL),
                                        .optim = tn_sgd(NULL),
                                        .precision = precision,
                                        .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(m.plan); i++) {
        NEED(tn_plan_step(m.plan, i, &s));
        if (s.pass != TN_PASS_FORWARD || strcmp(s.op, "conv2d") != 0)
            continue;
        if (strncmp(s.kernel, "y+sums ", 7) != 0)
            printf("failed\tsums %s: %s\n", precision_name, s.kernel);
    }
    lab_plan_free(&m);
}
