/* conv2d as its formula has it on the CPU: values and gradients around the edges of images, tiles of pixels, blocks of channels and
 * chunks; what is behind it; the same bits for any number of threads; NaNs; when it is taken. */
#include "lab_conv.h"
#include "lab_nan.h"
#include "lab_rig.h"

static const lab_case cases[] = {
    {.why = "small", .x = {{{4, {1, 2, 3, 3}}}}, .opts = OPTS(.filters = 2, .kernel = {2})},
    {.why = "1 x 1, fewer pixels than a tile, a block and a part of one",
     .x = {{{4, {2, 20, 2, 3}}}},
     .opts = RELU(.filters = 33, .kernel = {1})},
    {.why = "1 x 1, rows that the pixels do not fill, no bias",
     .x = {{{4, {2, 16, 13, 11}}}},
     .opts = OPTS(.filters = 16, .kernel = {1}, .no_bias = true)},
    {.why = "1 x 1, more images than a chunk has, odd channels and filters",
     .x = {{{4, {9, 5, 3, 3}}}},
     .opts = RELU(.filters = 7, .kernel = {1})},
    {.why = "1 x 1, stride 2, a row and a column left over",
     .x = {{{4, {3, 17, 8, 6}}}},
     .opts = OPTS(.filters = 40, .kernel = {1}, .stride = {2})},
    {.why = "1 x 1, stride 2, padding",
     .x = {{{4, {2, 8, 5, 6}}}},
     .opts = OPTS(.filters = 16, .kernel = {1}, .stride = {2}, .pad = {1})},
    {.why = "1 x 1, padded below and left alone",
     .x = {{{4, {2, 16, 4, 5}}}},
     .opts = OPTS(.filters = 8, .kernel = {1}, .pad = {0, 1}, .pad_extra = {2, -1})},
    {.why = "1 x 1, 2 groups of whole blocks",
     .x = {{{4, {2, 32, 5, 4}}}},
     .opts = RELU(.filters = 64, .kernel = {1}, .groups = 2)},
    {.why = "3 x 3, filters whose dw is no part's own",
     .x = {{{4, {2, 80, 4, 5}}}},
     .opts = OPTS(.filters = 97, .kernel = {3}, .pad = {1})},
    {.why = "3 x 3, stride 2, pixels of all four remainders",
     .x = {{{4, {2, 18, 9, 16}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .stride = {2}, .pad = {1})},
    {.why = "3 x 3, stride 2, padding below and right alone, groups",
     .x = {{{4, {2, 48, 6, 8}}}},
     .opts = OPTS(.filters = 48, .kernel = {3}, .stride = {2}, .pad_extra = {1}, .groups = 3)},
    {.why = "a stride larger than the window: pixels that none reads",
     .x = {{{4, {2, 16, 8, 11}}}},
     .opts = OPTS(.filters = 16, .kernel = {2}, .stride = {3, 4})},
    {.why = "dilation, uneven, more padding than window",
     .x = {{{4, {2, 16, 7, 8}}}},
     .opts = OPTS(.filters = 24, .kernel = {3, 2}, .pad = {5, 4}, .dilation = {2, 3})},
    {.why = "dilation and stride that share a factor",
     .x = {{{4, {2, 3, 11, 12}}}},
     .opts = RELU(.filters = 9, .kernel = {3}, .stride = {2}, .pad = {2}, .dilation = {2})},
    {.why = "a wide row: tiles of it, several chunks",
     .x = {{{4, {1, 4, 9, 67}}}},
     .opts = OPTS(.filters = 8, .kernel = {1, 5}, .pad = {0, 2})},
    {.why = "AlexNet's first layer, smaller",
     .x = {{{4, {2, 3, 35, 35}}}},
     .opts = RELU(.filters = 16, .kernel = {11}, .stride = {4}, .pad = {2})},
    {.why = "the window is all of x",
     .x = {{{4, {2, 24, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {4})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .weight = {.frozen = true})},
};

static const lab_kernel one = {.device = "cpu,threads=2,prefer=direct", .name = "direct:"};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_kernel(&one, &lab_conv_op, cases, TN_COUNT(cases));
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    for (int i = 1; i < 4; i++)
        lab_check_nan_by(&one, &lab_conv_op, &cases[i]);
}

enum { IMAGES = 3, CHANNELS = 20, SIDE = 11, X = IMAGES * CHANNELS * SIDE * SIDE };

/* dx, which y's difference to x decides. */
static void train(const char *device, float *dx)
{
    static float numbers[X];
    const tn_shape shape = TN_SHAPE(IMAGES, CHANNELS, SIDE, SIDE);
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    for (int i = 0; i < X; i++)
        numbers[i] = (float)(i * 37 % 101) / 50 - 1;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, shape), t = tn_input(g, "t", TN_F32, shape);
    tn_value y = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 40, .kernel = {1}});
    y = tn_conv2d(g, y, &(tn_conv2d_opts){.filters = CHANNELS, .kernel = {3}, .pad = {1}});
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = tn_mse(g, y, t, NULL), .input_gradients = true, .seed = 1}));
    assert_int_equal(lab_runs(p, "direct:"), 4);
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, shape, numbers}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, shape, numbers}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get_gradient(p, x, (tn_tensor){TN_F32, shape, dx}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void gives_y_and_dx_of_the_same_bits_for_any_number_of_threads(void **unused)
{
    (void)unused;
    static float dx[2][X];
    train("cpu,threads=1,prefer=direct", dx[0]);
    for (int threads = 2; threads < 8; threads += 3) {
        char device[40];
        snprintf(device, sizeof device, "cpu,threads=%d,prefer=direct", threads);
        train(device, dx[1]);
        assert_memory_equal(dx[1], dx[0], sizeof dx[0]);
    }
}

int main(void)
{
    if (!lab_can_prefer())
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(gives_y_and_dx_of_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
