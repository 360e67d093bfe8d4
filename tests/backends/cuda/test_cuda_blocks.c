/*
 * The first convolution of a network on a GPU, done in blocks of pixels. The CPU has the answers.
 */
#include <string.h>

#include "backends/cuda/lab_layer.h"
#include "lab_sim.h"

static lab_answer want, got;

static const lab_layer layers[] = {
    {.why = "AlexNet's: 11 x 11 by 4, of sides that are no multiples",
     .x = {4, {2, 3, 41, 38}},
     .conv = {.filters = 8, .kernel = {11}, .stride = {4}, .pad = {2}},
     .relu = true,
     .first = true},
    {.why = "ResNet's: 7 x 7 by 2; 4 channels a pixel in half precision",
     .x = {4, {2, 3, 17, 22}},
     .conv = {.filters = 8, .kernel = {7}, .stride = {2}, .pad = {3}, .no_bias = true},
     .first = true},
    {.why = "4 channels that all count",
     .x = {4, {3, 4, 13, 12}},
     .conv = {.filters = 16, .kernel = {5}, .stride = {2}},
     .first = true},
    {.why = "4 channels by 4; a window that is a whole number of blocks one way",
     .x = {4, {1, 4, 29, 33}},
     .conv = {.filters = 8, .kernel = {8, 6}, .stride = {4}, .pad = {0, 3}},
     .first = true},
    {.why = "padding below and right alone",
     .x = {4, {2, 3, 12, 14}},
     .conv = {.filters = 8, .kernel = {7}, .stride = {2}, .pad = {2, 3}, .pad_extra = {1, -3}},
     .first = true},
    {.why = "padding as wide as a block; relu without bias",
     .x = {4, {2, 3, 9, 9}},
     .conv = {.filters = 8, .kernel = {3}, .stride = {2}, .pad = {2}, .no_bias = true},
     .relu = true,
     .first = true},
};

static void first_layers_are_done_in_blocks(void **unused)
{
    (void)unused;
    const char *gpu = lab_devices()[1];
    if (!gpu)
        skip();
    for (size_t i = 0; i < TN_COUNT(layers); i++)
        for (int p = 0; p < LAB_PRECISIONS; p++) {
            lab_layer_answer(&layers[i], "cpu", TN_PRECISION_F32, &want);
            lab_layer_answer(&layers[i], gpu, lab_precisions[p], &got);
            lab_layer_compare(&layers[i], &got, &want, lab_tolerances[p]);
            if (!strstr(got.kernel, "blocks"))
                fail_msg("%s: done by %s", layers[i].why, got.kernel);
        }
}

enum { N = 2, SIDE = 21, CHANNELS = 3, FILTERS = 8, OUT = 11, Y_COUNT = N * FILTERS * OUT * OUT };
enum { W_COUNT = FILTERS * CHANNELS * 49 };

/* Bytes, image_input, conv2d; which steps it has. */
static int learn_bytes(const char *device, tn_precision precision, float *y, float *dw)
{
    static uint8_t bytes[N * SIDE * SIDE * CHANNELS];
    static float zeros[Y_COUNT];
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int inputs = 0;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(N, SIDE, SIDE, CHANNELS));
    const tn_value goal = tn_input(g, "goal", TN_F32, TN_SHAPE(N, FILTERS, OUT, OUT));
    const tn_image_input_opts to_numbers = {.mean = {128, 120, 112}, .scale = {1 / 64.F, 1 / 32.F}};
    const tn_conv2d_opts conv = {.filters = FILTERS, .kernel = {7}, .stride = {2}, .pad = {3}};
    const tn_value v = tn_conv2d(g, tn_image_input(g, image, &to_numbers), &conv);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, v, goal, NULL),
                                             .keep = &v,
                                             .num_keep = 1,
                                             .seed = 5,
                                             .precision = precision}));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7919 % 251);
    const tn_shape shape = TN_SHAPE(N, FILTERS, OUT, OUT);
    assert_ok(tn_plan_set(p, image, (tn_tensor){TN_U8, TN_SHAPE(N, SIDE, SIDE, CHANNELS), bytes}));
    assert_ok(tn_plan_set(p, goal, (tn_tensor){TN_F32, shape, zeros}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, v, (tn_tensor){TN_F32, shape, y}));
    assert_ok(tn_plan_param_get(p, 0, TN_PARAM_GRADIENT,
                                (tn_tensor){TN_F32, TN_SHAPE(FILTERS, CHANNELS, 7, 7), dw}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        inputs += strcmp(s.op, "image_input") == 0;
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return inputs;
}

/* Bytes become numbers on their way into the blocks. */
static void bytes_are_read_where_they_lie(void **unused)
{
    static float w[W_COUNT], dw[W_COUNT], y[Y_COUNT], x[Y_COUNT];
    double exact[Y_COUNT];
    (void)unused;
    const char *gpu = lab_devices()[1];
    if (!gpu)
        skip();
    assert_int_equal(learn_bytes("cpu", TN_PRECISION_F32, x, w), 1);
    assert_int_equal(learn_bytes(gpu, TN_PRECISION_F32, y, dw), 0);
    for (int i = 0; i < Y_COUNT; i++)
        exact[i] = (double)x[i];
    lab_assert_close("y", y, exact, Y_COUNT, 1);
    for (int i = 0; i < W_COUNT; i++)
        exact[i] = (double)w[i];
    lab_assert_close("dw", dw, exact, W_COUNT, 1);
}

/* What it cannot do goes to the kernels that can. */
static void others_are_not(void **unused)
{
    (void)unused;
    static const lab_layer others[] = {
        {.why = "dx is wanted",
         .x = {4, {2, 3, 17, 22}},
         .conv = {.filters = 8, .kernel = {7}, .stride = {2}, .pad = {3}}},
        {.why = "many channels",
         .x = {4, {2, 8, 9, 9}},
         .conv = {.filters = 8, .kernel = {3}, .stride = {2}},
         .first = true},
        {.why = "strides that differ",
         .x = {4, {2, 3, 17, 17}},
         .conv = {.filters = 8, .kernel = {5}, .stride = {2, 1}},
         .first = true},
        {.why = "a window no larger than a block",
         .x = {4, {2, 3, 16, 16}},
         .conv = {.filters = 8, .kernel = {4}, .stride = {4}},
         .first = true},
        {.why = "dilation",
         .x = {4, {2, 3, 17, 17}},
         .conv = {.filters = 8, .kernel = {3}, .stride = {2}, .dilation = {2}},
         .first = true},
    };
    const char *gpu = lab_devices()[1];
    if (!gpu)
        skip();
    for (size_t i = 0; i < TN_COUNT(others); i++) {
        lab_layer_answer(&others[i], "cpu", TN_PRECISION_F32, &want);
        lab_layer_answer(&others[i], gpu, TN_PRECISION_F32, &got);
        lab_layer_compare(&others[i], &got, &want, lab_tolerances[0]);
        if (strstr(got.kernel, "blocks"))
            fail_msg("%s: done by %s", others[i].why, got.kernel);
    }
}

/* cuDNN pads each side as it is told. */
static void cudnn_pads_unequally(void **unused)
{
    (void)unused;
    static const lab_layer layer = {
        .why = "another padding on each side",
        .x = {4, {2, 16, 9, 10}},
        .conv = {.filters = 8, .kernel = {3}, .pad = {1, 2}, .pad_extra = {1, -2}}};
    const char *gpu = lab_devices()[1];
    if (!gpu)
        skip();
    for (int p = 0; p < LAB_PRECISIONS; p++) {
        lab_layer_answer(&layer, "cpu", TN_PRECISION_F32, &want);
        lab_layer_answer(&layer, gpu, lab_precisions[p], &got);
        lab_layer_compare(&layer, &got, &want, lab_tolerances[p]);
        if (!strstr(got.kernel, "y "))
            fail_msg("done by %s", got.kernel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_layers_are_done_in_blocks),
        cmocka_unit_test(bytes_are_read_where_they_lie),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(cudnn_pads_unequally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
