/* conv2d by Winograd's method: against loops in double wherever it can be taken, and when the rule takes
 * it. */
#include <math.h>
#include <string.h>

#include "lab_conv.h"
#include "lab_rig.h"
#include "plan/plan.h"
#include "plan/plan_test.h"

/* Sizes around the 4 pixels of a tile, images that share one, all that surrounds a window. */
static const lab_case cases[] = {
    {.why = "one tile exactly",
     .x = {{{4, {1, 16, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "a tile and a pixel; blocks of channels; relu",
     .x = {{{4, {2, 32, 5, 6}}}},
     .opts = RELU(.filters = 48, .kernel = {3}, .pad = {1})},
    {.why = "1 x 1 images, of whose windows only the middle counts",
     .x = {{{4, {5, 16, 1, 1}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "without padding",
     .x = {{{4, {3, 16, 9, 7}}}},
     .opts = OPTS(.filters = 32, .kernel = {3})},
    {.why = "the window is all of x: one pixel comes out",
     .x = {{{4, {2, 16, 3, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {3})},
    {.why = "as much padding as there can be, not the same in both directions",
     .x = {{{4, {2, 16, 6, 5}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {2, TN_ZERO})},
    {.why = "several images, more padding behind than before",
     .x = {{{4, {6, 16, 5, 6}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad_extra = {2, 1})},
    {.why = "several images, padding before alone",
     .x = {{{4, {6, 16, 5, 6}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {2, 1}, .pad_extra = {-2, -1})},
    {.why = "5 x 5, all four sides of their own, groups",
     .x = {{{4, {4, 32, 6, 7}}}},
     .opts = OPTS(.filters = 32, .kernel = {5}, .pad = {1, 3}, .pad_extra = {3, -2}, .groups = 2)},
    {.why = "4 images share a sheet in both directions: AlexNet's third layer, fewer channels",
     .x = {{{4, {4, 16, 13, 13}}}},
     .opts = RELU(.filters = 32, .kernel = {3}, .pad = {1})},
    {.why = "sheets of 3 images in a row, no bias",
     .x = {{{4, {9, 16, 2, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {1}, .no_bias = true)},
    {.why = "5 x 5: AlexNet's second layer, smaller",
     .x = {{{4, {2, 16, 11, 11}}}},
     .opts = RELU(.filters = 48, .kernel = {5}, .pad = {2})},
    {.why = "5 x 5 without padding, and images of another shape",
     .x = {{{4, {3, 16, 8, 13}}}},
     .opts = OPTS(.filters = 16, .kernel = {5})},
    {.why = "5 x 5 over a single pixel",
     .x = {{{4, {2, 16, 1, 1}}}},
     .opts = OPTS(.filters = 16, .kernel = {5}, .pad = {2})},
    {.why = "channels and filters that do not fill their blocks: LeNet's second layer",
     .x = {{{4, {3, 20, 12, 12}}}},
     .opts = OPTS(.filters = 50, .kernel = {5})},
    {.why = "1 channel, 1 filter",
     .x = {{{4, {2, 1, 6, 7}}}},
     .opts = RELU(.filters = 1, .kernel = {3}, .pad = {1})},
    {.why = "17 channels, 9 filters, no bias",
     .x = {{{4, {2, 17, 6, 6}}}},
     .opts = OPTS(.filters = 9, .kernel = {3}, .pad = {1}, .no_bias = true)},
    {.why = "3 groups, uneven ones",
     .x = {{{4, {2, 48, 6, 5}}}},
     .opts = OPTS(.filters = 96, .kernel = {3}, .pad = {1}, .groups = 3)},
    {.why = "2 groups, backward data as the forward pass backward: sums that begin with 0",
     .x = {{{4, {2, 32, 12, 12}}}},
     .opts = RELU(.filters = 32, .kernel = {5}, .groups = 2)},
    {.why = "the same by itself, weights frozen",
     .x = {{{4, {2, 32, 12, 12}}}},
     .opts = OPTS(.filters = 32, .kernel = {5}, .groups = 2, .weight = {.frozen = true})},
    {.why = "backward data of more padding above than beside, and groups",
     .x = {{{4, {2, 32, 14, 13}}}},
     .opts = RELU(.filters = 64, .kernel = {5}, .pad = {3, 1}, .groups = 2)},
    {.why = "several blocks of tiles, the last one smaller",
     .x = {{{4, {3, 16, 45, 39}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "few tiles, and filters that do not stay in L2: all threads at all tiles",
     .x = {{{4, {1, 94, 3, 5}}}},
     .opts = RELU(.filters = 99, .kernel = {3}, .pad = {1})},
    {.why = "the same in 2 groups, 5 x 5",
     .x = {{{4, {1, 96, 3, 5}}}},
     .opts = OPTS(.filters = 96, .kernel = {5}, .pad = {2}, .groups = 2)},
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
    /* So few threads that each has more than one block of tiles where there are several. */
    const lab_kernel any = {.device = "cpu,threads=2,prefer=winograd", .name = "winograd "};
    const lab_kernel small = {.device = "cpu,threads=2,prefer=winograd4x4", .name = "winograd 4x4"};
    lab_check_kernel(&any, &lab_conv_op, cases, TN_COUNT(cases));
    lab_check_kernel(&small, &lab_conv_op, cases, 8); /* which are of 3 x 3 windows */
}

/* The norm of all gradients sees those of the filters that only fill blocks: 0 they have to be. */
static void leaves_what_fills_blocks_zero(void **unused)
{
    (void)unused;
    float norm[2];
    for (int strict = 0; strict < 2; strict++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        float x[2 * 20 * 8 * 8], target[2 * 50 * 4 * 4] = {0};
        for (size_t i = 0; i < TN_COUNT(x); i++)
            x[i] = (float)(i % 11) - 5;
        assert_ok(tn_device_open(&d, "cpu,prefer=winograd"));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(2, 20, 8, 8));
        const tn_value want = tn_input(g, "t", TN_F32, TN_SHAPE(2, 50, 4, 4));
        const tn_value y = tn_conv2d(g, in, &(tn_conv2d_opts){.filters = 50, .kernel = {5}});
        assert_ok(tn_plan_create(&p, g, d,
                                 &(tn_plan_opts){.loss = tn_mse(g, y, want, NULL),
                                                 .optim = tn_sgd(NULL),
                                                 .clip_norm = 1e-3f,
                                                 .seed = 1,
                                                 .strict = strict}));
        assert_int_equal(lab_runs(p, "winograd"), strict ? 0 : 2);
        for (int step = 0; step < 2; step++) {
            assert_ok(tn_plan_poison(p));
            assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(2, 20, 8, 8), x}));
            assert_ok(tn_plan_set(p, want, (tn_tensor){TN_F32, TN_SHAPE(2, 50, 4, 4), target}));
            assert_ok(tn_plan_run(p));
            assert_ok(tn_plan_update(p, 0.1f));
        }
        assert_ok(tn_plan_gradient_norm(p, &norm[strict]));
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
    assert_true(norm[1] > 0);
    assert_true(norm[0] / norm[1] > 0.9999f && norm[0] / norm[1] < 1.0001f);
}

/* Inference on one image, by Winograd's method or strict: weights beside the layer's own make room for its
 * U to be kept. */
typedef struct single {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x, y;
} single;

enum { SINGLE_CHANNELS = 16, SINGLE_SIDE = 8, SINGLE_UNITS = 400 };

static void open_single(single *s, bool strict)
{
    assert_ok(tn_device_open(&s->device, "cpu,prefer=winograd"));
    assert_ok(tn_graph_create(&s->graph));
    s->x = tn_input(s->graph, "x", TN_F32, TN_SHAPE(1, SINGLE_CHANNELS, SINGLE_SIDE, SINGLE_SIDE));
    const tn_conv2d_opts conv = {
        .filters = SINGLE_CHANNELS, .kernel = {3}, .pad = {1}, .name = "c"};
    const tn_dense_opts dense = {.units = SINGLE_UNITS};
    s->y = tn_dense(s->graph, tn_conv2d(s->graph, s->x, &conv), &dense);
    assert_ok(
        tn_plan_create(&s->plan, s->graph, s->device,
                       &(tn_plan_opts){.keep = &s->y, .num_keep = 1, .seed = 1, .strict = strict}));
}

static void run_single(single *s, float *y)
{
    static float x[SINGLE_CHANNELS * SINGLE_SIDE * SINGLE_SIDE];
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)(i % 7) - 3;
    const tn_shape shape = TN_SHAPE(1, SINGLE_CHANNELS, SINGLE_SIDE, SINGLE_SIDE);
    assert_ok(tn_plan_set(s->plan, s->x, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_evaluate(s->plan));
    assert_ok(tn_plan_get(s->plan, s->y, (tn_tensor){TN_F32, TN_SHAPE(1, SINGLE_UNITS), y}));
}

static void close_single(single *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->graph);
    tn_device_close(s->device);
}

static void keeps_what_it_makes_of_weights_until_they_change(void **unused)
{
    (void)unused;
    single fast = {NULL}, strict = {NULL};
    static float w[SINGLE_CHANNELS * SINGLE_CHANNELS * 9];
    const tn_tensor weight = {TN_F32, TN_SHAPE(SINGLE_CHANNELS, SINGLE_CHANNELS, 3, 3), w};
    open_single(&fast, false);
    open_single(&strict, true);
    assert_true(tn_plan_memory(fast.plan).kept >=
                16 * sizeof w / 9); /* 4 x 4 numbers for 3 x 3 at least */
    assert_int_equal(tn_plan_memory(strict.plan).kept, 0);
    for (int change = 0; change < 4; change++) {
        float got[SINGLE_UNITS], want[SINGLE_UNITS];
        if (change == 1)
            assert_ok(tn_plan_poison(fast.plan));
        if (change == 3) {
            for (size_t i = 0; i < TN_COUNT(w); i++)
                w[i] = (float)(i % 5) - 2;
            const int index = tn_plan_find_param(fast.plan, "c.weight");
            assert_ok(tn_plan_param_set(fast.plan, index, TN_PARAM_VALUE, weight));
            assert_ok(tn_plan_param_set(strict.plan, index, TN_PARAM_VALUE, weight));
        }
        run_single(&fast, got);
        run_single(&strict, want);
        for (int i = 0; i < SINGLE_UNITS; i++)
            assert_true(fabsf(got[i] - want[i]) <= 1e-4f * (1 + fabsf(want[i])));
        assert_true(want[0] != 0);
    }
    close_single(&fast);
    close_single(&strict);
}

/* Bytes of a plan of AlexNet's layers behind the first. */
static size_t memory_of(const char *device, int64_t images, bool training, bool strict)
{
    static const tn_conv2d_opts conv[] = {
        {.filters = 192, .kernel = {5}, .pad = {2}},
        {.filters = 384, .kernel = {3}, .pad = {1}},
        {.filters = 256, .kernel = {3}, .pad = {1}},
        {.filters = 256, .kernel = {3}, .pad = {1}},
    };
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(images, 64, 27, 27));
    tn_value y = x;
    for (size_t i = 0; i < TN_COUNT(conv); i++) {
        y = tn_relu(g, tn_conv2d(g, y, &conv[i]), NULL);
        if (i == 0 || i == 3)
            y = tn_pool2d(g, y, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}});
    }
    for (int i = 0; i < 2; i++)
        y = tn_relu(g, tn_dense(g, y, &(tn_dense_opts){.units = 4096}), NULL);
    tn_plan_opts opts = {.keep = &y, .num_keep = 1, .dry = true, .strict = strict};
    if (training) {
        opts.loss = tn_mse(g, y, tn_input(g, "t", TN_F32, TN_SHAPE(images, 4096)), NULL);
        opts.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9f});
    }
    assert_ok(tn_plan_create(&p, g, d, &opts));
    const size_t bytes = tn_plan_memory(p).total;
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return bytes;
}

static void takes_at_most_a_tenth_more_memory(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu,threads=2", "cpu,threads=32"};
    static const int64_t images[] = {1, 32, 128};
    for (size_t d = 0; d < TN_COUNT(devices); d++)
        for (size_t i = 0; i < TN_COUNT(images); i++)
            for (int training = 0; training < 2; training++) {
                const size_t fast = memory_of(devices[d], images[i], training, false);
                const size_t direct = memory_of(devices[d], images[i], training, true);
                print_message("%s, %d images%s: %zu KiB, direct %zu\n", devices[d], (int)images[i],
                              training ? ", training" : "", fast >> 10, direct >> 10);
                assert_true((double)fast <= 1.1 * (double)direct);
            }
}

static void is_taken_by_the_rule(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        tn_shape x;
        tn_conv2d_opts conv;
        int units; /* of a dense layer behind it; 0: none */
        bool strict;
        const char *kernel, *refusals; /* what they contain; NULL: none */
    } rules[] = {
        {.why = "AlexNet's second layer",
         .x = {4, {32, 64, 27, 27}},
         .conv = {.filters = 192, .kernel = {5}, .pad = {2}},
         .kernel = "winograd 8x8"},
        {.why = "AlexNet's third layer",
         .x = {4, {32, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .kernel = "winograd 6x6"},
        {.why = "16 channels and filters, a U-Net's first",
         .x = {4, {4, 16, 128, 128}},
         .conv = {.filters = 16, .kernel = {3}, .pad = {1}},
         .kernel = "winograd 6x6"},
        {.why = "AlexNet's third layer in a strict plan",
         .x = {4, {32, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .strict = true,
         .refusals = "conv2d c: not by Winograd's method: the plan is strict"},
        {.why = "the same for one image: to transform the filters is too much",
         .x = {4, {1, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .refusals =
             "it costs as much as 216.3 million multiplications, the formula 112.1 million"},
        {.why =
             "the same before many more weights, of which a tenth is room for U: the smaller one",
         .x = {4, {1, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .units = 400,
         .kernel = "winograd 4x4"},
        {.why = "ResNet-18's last layers, one image: to read filters takes long on either side",
         .x = {4, {1, 512, 7, 7}},
         .conv = {.filters = 512, .kernel = {3}, .pad = {1}},
         .units = 8000,
         .kernel = "winograd 4x4"},
        {.why = "there, for 16 images",
         .x = {4, {16, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .units = 400,
         .kernel = "winograd 6x6"},
        {.why = "AlexNet's first layer",
         .x = {4, {32, 3, 224, 224}},
         .conv = {.filters = 64, .kernel = {11}, .stride = {4}, .pad = {2}},
         .refusals = "the window is not 3 x 3 or 5 x 5"},
        {.why = "a window that is not square",
         .x = {4, {32, 64, 27, 27}},
         .conv = {.filters = 64, .kernel = {3, 5}},
         .refusals = "the window is not 3 x 3 or 5 x 5"},
        {.why = "ResNet's 3 x 3 with stride 2",
         .x = {4, {32, 64, 56, 56}},
         .conv = {.filters = 128, .kernel = {3}, .stride = {2}, .pad = {1}},
         .refusals = "the stride is not 1"},
        {.why = "dilation",
         .x = {4, {32, 64, 56, 56}},
         .conv = {.filters = 128, .kernel = {3}, .dilation = {1, 2}, .pad = {1}},
         .refusals = "the window is dilated"},
        {.why = "padding beyond the window",
         .x = {4, {32, 64, 56, 56}},
         .conv = {.filters = 128, .kernel = {3}, .pad = {1, 3}},
         .refusals = "the padding is as large as the window"},
        {.why = "LeNet's second layer",
         .x = {4, {64, 20, 12, 12}},
         .conv = {.filters = 50, .kernel = {5}},
         .kernel = "winograd 8x8"},
        {.why = "LeNet's first layer: one channel",
         .x = {4, {64, 1, 28, 28}},
         .conv = {.filters = 20, .kernel = {5}},
         .refusals = "it costs as much as"},
        {.why = "groups whose channels share a block",
         .x = {4, {64, 40, 28, 28}},
         .conv = {.filters = 40, .kernel = {3}, .groups = 2},
         .refusals = "groups are not of a multiple of"},
    };
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        tn_step_info step;
        tn_conv2d_opts conv = rules[i].conv;
        conv.name = "c";
        print_message("%s\n", rules[i].why);
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(tn_graph_create(&g));
        tn_value y = tn_conv2d(g, tn_input(g, "x", TN_F32, rules[i].x), &conv);
        if (rules[i].units)
            y = tn_dense(g, y, &(tn_dense_opts){.units = rules[i].units});
        const tn_plan_opts opts = {
            .keep = &y, .num_keep = 1, .dry = true, .strict = rules[i].strict};
        assert_ok(tn_plan_create(&p, g, d, &opts));
        int last = tn_plan_num_steps(p) - 1; /* before it there may be a reorder, and behind it */
        do
            assert_ok(tn_plan_step(p, last, &step));
        while (strcmp(step.op, "conv2d") != 0 && last-- > 0);
        assert_true((strstr(step.kernel, "winograd") != NULL) == (rules[i].kernel != NULL));
        if (rules[i].kernel)
            assert_non_null(strstr(step.kernel, rules[i].kernel));
        if (rules[i].refusals)
            assert_non_null(strstr(step.refusals, rules[i].refusals));
        else
            assert_null(step.refusals);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(leaves_what_fills_blocks_zero),
        cmocka_unit_test(keeps_what_it_makes_of_weights_until_they_change),
        cmocka_unit_test(takes_at_most_a_tenth_more_memory),
        cmocka_unit_test(is_taken_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
