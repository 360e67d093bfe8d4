/* conv2d: against loops in double, alone and with a relu behind it; NaNs; what it refuses. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "lab_conv.h"
#include "lab_nan.h"

/* Gradients by differences. */
static const lab_case small[] = {
    {.why = "small", .x = {{{4, {1, 2, 3, 3}}}}, .opts = OPTS(.filters = 2, .kernel = {2})},
    {.why = "stride leaves a row over; window is not square",
     .x = {{{4, {2, 4, 9, 7}}}},
     .opts = OPTS(.filters = 6, .kernel = {3, 2}, .stride = {2})},
    {.why = "more padding above than beside, no bias",
     .x = {{{4, {2, 3, 4, 5}}}},
     .opts = OPTS(.filters = 3, .kernel = {3}, .pad = {2, 1}, .no_bias = true)},
};

/* Gradients from backward(): sums that differences would take too long for, and relus, whose kinks
 * they would stumble over. Channels and filters around 8 and 16 are where oneDNN's blocks are padded. */
static const lab_case large[] = {
    {.why = "relu absorbed, small",
     .x = {{{4, {2, 3, 5, 4}}}},
     .opts = RELU(.filters = 4, .kernel = {3}, .pad = {1})},
    {.why = "relu absorbed, blocks of channels",
     .x = {{{4, {2, 32, 6, 5}}}},
     .opts = RELU(.filters = 48, .kernel = {3}, .pad = {1})},
    {.why = "one channel, filters no multiple of 8: LeNet's first",
     .x = {{{4, {3, 1, 12, 12}}}},
     .opts = OPTS(.filters = 20, .kernel = {5})},
    {.why = "channels and filters no multiple of 8: LeNet's second",
     .x = {{{4, {3, 20, 8, 8}}}},
     .opts = OPTS(.filters = 50, .kernel = {5})},
    {.why = "relu over padded blocks",
     .x = {{{4, {2, 20, 5, 5}}}},
     .opts = RELU(.filters = 19, .kernel = {3}, .pad = {1})},
    {.why = "4 channels", .x = {{{4, {2, 4, 9, 9}}}}, .opts = OPTS(.filters = 8, .kernel = {3})},
    {.why = "one filter, whose bias gradient nearly cancels: only f32 has more than the rest",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = OPTS(.filters = 1, .kernel = {3}),
     .f32_only = true},
    {.why = "1 x 1 window, 2 groups",
     .x = {{{4, {2, 12, 4, 3}}}},
     .opts = RELU(.filters = 6, .kernel = {1}, .groups = 2)},
    {.why = "17 channels, 9 filters, batch of 1",
     .x = {{{4, {1, 17, 6, 6}}}},
     .opts = OPTS(.filters = 9, .kernel = {3}, .pad = {1})},
    {.why = "1 x 1 window: GoogLeNet's reductions",
     .x = {{{4, {2, 192, 4, 4}}}},
     .opts = RELU(.filters = 24, .kernel = {1})},
    {.why = "1 x 1 window, stride 2: ResNet's shortcut",
     .x = {{{4, {2, 32, 7, 7}}}},
     .opts = OPTS(.filters = 64, .kernel = {1}, .stride = {2}, .no_bias = true)},
    {.why = "the window is all of x: a dense layer",
     .x = {{{4, {2, 24, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {4})},
    {.why = "1 x 1 image", .x = {{{4, {4, 16, 1, 1}}}}, .opts = OPTS(.filters = 32, .kernel = {1})},
    {.why = "dilation, uneven",
     .x = {{{4, {2, 16, 11, 12}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {2, 3}, .dilation = {2, 3})},
    {.why = "window wider than high, strides differ",
     .x = {{{4, {2, 8, 7, 11}}}},
     .opts = OPTS(.filters = 16, .kernel = {1, 5}, .stride = {1, 3}, .pad = {0, 2})},
    {.why = "Inception's 7 x 1, padded above and below alone",
     .x = {{{4, {2, 4, 9, 5}}}},
     .opts = OPTS(.filters = 6, .kernel = {7, 1}, .pad = {3, 0})},
    {.why = "a square window, padded above and below alone",
     .x = {{{4, {2, 4, 6, 5}}}},
     .opts = OPTS(.filters = 6, .kernel = {3}, .pad = {1, TN_ZERO})},
    {.why = "padding below and right alone: TensorFlow's SAME with stride 2",
     .x = {{{4, {2, 3, 6, 8}}}},
     .opts = RELU(.filters = 8, .kernel = {3}, .stride = {2}, .pad_extra = {1})},
    {.why = "more below than above, more left than right",
     .x = {{{4, {2, 16, 7, 6}}}},
     .opts = OPTS(.filters = 32, .kernel = {4}, .pad = {1, 2}, .pad_extra = {2, -1})},
    {.why = "padding above and left alone, blocks of channels",
     .x = {{{4, {2, 16, 6, 7}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {2}, .pad_extra = {-2})},
    {.why = "1 x 1 window, padded on one side",
     .x = {{{4, {2, 16, 4, 5}}}},
     .opts = OPTS(.filters = 8, .kernel = {1}, .pad_extra = {2, 1})},
    {.why = "2 groups: AlexNet of 2012, its second layer",
     .x = {{{4, {2, 32, 7, 7}}}},
     .opts = RELU(.filters = 64, .kernel = {5}, .pad = {2}, .groups = 2)},
    {.why = "groups of odd sizes",
     .x = {{{4, {2, 6, 5, 5}}}},
     .opts = OPTS(.filters = 9, .kernel = {3}, .groups = 3)},
    {.why = "as many groups as channels",
     .x = {{{4, {2, 16, 6, 6}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {1}, .groups = 16)},
    {.why = "as many groups as channels, two filters each",
     .x = {{{4, {2, 5, 6, 6}}}},
     .opts = OPTS(.filters = 10, .kernel = {3}, .pad = {1}, .groups = 5)},
    {.why = "AlexNet's first layer: large window, stride, padding; rows left over",
     .x = {{{4, {2, 3, 64, 64}}}},
     .opts = OPTS(.filters = 16, .kernel = {11}, .stride = {4}, .pad = {2})},
    {.why = "GoogLeNet's and ResNet's first layer",
     .x = {{{4, {1, 3, 37, 37}}}},
     .opts = RELU(.filters = 16, .kernel = {7}, .stride = {2}, .pad = {3})},
    {.why = "AlexNet's third layer, fewer channels",
     .x = {{{4, {1, 48, 13, 13}}}},
     .opts = RELU(.filters = 96, .kernel = {3}, .pad = {1})},
    {.why = "ResNet's 3 x 3 with stride 2",
     .x = {{{4, {2, 32, 14, 14}}}},
     .opts = OPTS(.filters = 32, .kernel = {3}, .stride = {2}, .pad = {1}, .no_bias = true)},
    {.why = "bias frozen",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .bias = {.frozen = true})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .weight = {.frozen = true})},
    {.why = "all frozen",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts =
         RELU(.filters = 16, .kernel = {3}, .weight = {.frozen = true}, .bias = {.frozen = true})},
};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_op(&lab_conv_op, small, TN_COUNT(small));
}

static void agrees_where_it_is_used(void **unused)
{
    (void)unused;
    lab_check_big(&lab_conv_op, large, TN_COUNT(large));
}

/* Not asked of the CPU where oneDNN has absorbed the relu (docs/numerics.md). */
static void passes_nan_on(void **unused)
{
    (void)unused;
    const struct {
        lab_case c;
        bool onednns;
    } cases[] = {
        {{.why = "3 x 3: Winograd's method on the CPU",
          .x = {{{4, {2, 16, 9, 7}}}},
          .opts = RELU(.filters = 24, .kernel = {3}, .pad = {1})}},
        {{.why = "stride 2",
          .x = {{{4, {2, 8, 7, 7}}}},
          .opts = RELU(.filters = 16, .kernel = {3}, .stride = {2}, .pad = {1})},
         true},
        {{.why = "1 x 1, no bias",
          .x = {{{4, {2, 16, 4, 4}}}},
          .opts = RELU(.filters = 24, .kernel = {1}, .no_bias = true)},
         true},
        {{.why = "groups",
          .x = {{{4, {2, 6, 5, 5}}}},
          .opts = RELU(.filters = 9, .kernel = {2}, .groups = 3)},
         true},
    };
    const lab_kernel winograd = {.device = "cpu,prefer=winograd", .name = "winograd"};
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(cases); i++) {
            const bool cpu = strcmp(*device, "cpu") == 0;
            lab_check_nan(&lab_conv_op, &cases[i].c, *device, true);
            if (!cpu)
                lab_check_nan(&lab_conv_op, &cases[i].c, *device, false);
            else if (!cases[i].onednns)
                lab_check_nan_by(&winograd, &lab_conv_op, &cases[i].c);
        }
}

/* What a kernel keeps of weights from run to run is what it makes of them in each. */
static void keeps_what_it_makes_of_weights(void **unused)
{
    (void)unused;
    enum { IMAGES = 2, CHANNELS = 12, SIDE = 7, FILTERS = 9, Y = IMAGES * FILTERS * SIDE * SIDE };
    static float x[IMAGES * CHANNELS * SIDE * SIDE], y[2][Y];
    const tn_shape shape = TN_SHAPE(IMAGES, CHANNELS, SIDE, SIDE);
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)(i % 11) - 5;
    for (int kept = 0; kept < 2; kept++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, shape);
        const tn_value out = tn_relu(
            g, tn_conv2d(g, in, &(tn_conv2d_opts){.filters = FILTERS, .kernel = {3}, .pad = {1}}),
            NULL);
        assert_ok(tn_plan_create(&p, g, d,
                                 &(tn_plan_opts){.keep = &out,
                                                 .num_keep = 1,
                                                 .seed = 1,
                                                 .strict = true,
                                                 .kept_weights = kept ? INFINITY : TN_ZERO}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
        for (int run = 0; run < 2; run++)
            assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, out,
                              (tn_tensor){TN_F32, TN_SHAPE(IMAGES, FILTERS, SIDE, SIDE), y[kept]}));
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        tn_shape x;
        tn_conv2d_opts opts;
        tn_status status;
        const char *text;
    } cases[] = {
        {{2, {2, 3}}, {.filters = 1, .kernel = {1}}, TN_ERR_SHAPE, "2 x 3: 2 dimensions, not 4"},
        {{4, {1, 3, 5, 5}}, {.kernel = {1}}, TN_ERR_ARGUMENT, "conv2d c: filters is 0"},
        {{4, {1, 3, 5, 5}}, {.filters = 4}, TN_ERR_ARGUMENT, "kernel is 0, not 1 or more"},
        {{4, {1, 3, 5, 5}},
         {.filters = TN_ZERO, .kernel = {1}},
         TN_ERR_ARGUMENT,
         "conv2d c: filters is 0, not 1 or more"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .stride = {1, TN_ZERO}},
         TN_ERR_ARGUMENT,
         "stride is 0, not 1 or more"},
        {{4, {1, 3, 5, 5}}, {.filters = 4, .kernel = {3, -1}}, TN_ERR_ARGUMENT, "kernel is -1"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .stride = {-2}},
         TN_ERR_ARGUMENT,
         "stride is -2"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .dilation = {1, -3}},
         TN_ERR_ARGUMENT,
         "dilation is -3"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {INT_MAX}, .pad = {1 << 30}},
         TN_ERR_SHAPE,
         "more elements than can be counted"},
        {{4, {1, 3, 5, 5}}, {.filters = 4, .kernel = {3}, .pad = {-1}}, TN_ERR_ARGUMENT, "below 0"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .pad = {1}, .pad_extra = {-2}},
         TN_ERR_ARGUMENT,
         "pad 1 and pad_extra -2 make -1"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .pad = {2}, .pad_extra = {INT_MAX}},
         TN_ERR_ARGUMENT,
         "pad 2 and pad_extra 2147483647 make 2147483649"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .groups = 2},
         TN_ERR_SHAPE,
         "2 groups do not divide the 3 channels of x 1 x 3 x 5 x 5"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .groups = 3},
         TN_ERR_ARGUMENT,
         "3 groups do not divide 4 filters"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {7}},
         TN_ERR_SHAPE,
         "a window of 7 pixels (kernel 7, dilation 1) does not fit into the 5 of x"},
        {{4, {1, 3, 5, 5}},
         {.filters = 4, .kernel = {3}, .dilation = {INT_MAX}},
         TN_ERR_SHAPE,
         "does not fit"},
        {{4, {1, 1000000, 1, 1}},
         {.filters = 1000000, .kernel = {3000000}, .pad = {INT_MAX}},
         TN_ERR_SHAPE,
         "conv2d c: "},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        tn_conv2d_opts opts = cases[i].opts;
        opts.name = "c";
        assert_ok(tn_graph_create(&g));
        tn_conv2d(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        tn_graph_destroy(g);
    }
}

static void counts_its_work(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    double forward = 0, training = 0;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value y = tn_conv2d(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 6, 5, 5)),
                                 &(tn_conv2d_opts){.filters = 4, .kernel = {3}, .groups = 2});
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1, .dry = true}));
    tn_plan_flops(p, &forward, &training);
    assert_true(forward == 2.0 * 4 * 3 * 3 * (2 * 3 * 9 + 1));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_where_it_is_used),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(keeps_what_it_makes_of_weights),
        cmocka_unit_test(refuses),
        cmocka_unit_test(counts_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
