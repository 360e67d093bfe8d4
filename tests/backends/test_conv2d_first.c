/* conv2d of few channels on the CPU: against loops in double around the edges of vectors, parts and bands,
 * the same bits again and nearly the same for other numbers of threads, and when it is taken. */
#include <math.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "backends/lab_first.h"
#include "lab_answers.h"
#include "lab_conv.h"
#include "lab_rig.h"
#include "plan/plan_test.h"

/* Without a gradient of x, which the lab asks for first, all of them are taken: up to 4 channels, 1 to 13
 * taps in parts of 6, blocks of filters alone and in pairs, bands that are whole and those left over. */
static const lab_case cases[] = {
    {.why = "small", .x = {{{4, {1, 2, 4, 5}}}}, .opts = OPTS(.filters = 3, .kernel = {2})},
    {.why = "LeNet's first layer",
     .x = {{{4, {3, 1, 28, 28}}}},
     .opts = OPTS(.filters = 20, .kernel = {5})},
    {.why = "AlexNet's first layer, smaller: padding, rows left over, 11 taps",
     .x = {{{4, {2, 3, 43, 44}}}},
     .opts = RELU(.filters = 24, .kernel = {11}, .stride = {4}, .pad = {2})},
    {.why = "ResNet's first layer, smaller",
     .x = {{{4, {2, 3, 25, 28}}}},
     .opts = OPTS(.filters = 32, .kernel = {7}, .stride = {2}, .pad = {3}, .no_bias = true)},
    {.why = "4 channels, one filter, a window wider than high",
     .x = {{{4, {2, 4, 9, 17}}}},
     .opts = RELU(.filters = 1, .kernel = {1, 13}, .pad = {0, 1})},
    {.why = "a window higher than wide, strides differ",
     .x = {{{4, {2, 2, 17, 8}}}},
     .opts = OPTS(.filters = 17, .kernel = {7, 2}, .stride = {3, 1}, .pad = {1, 0})},
    {.why = "the window is all of x: one pixel comes out",
     .x = {{{4, {4, 3, 6, 6}}}},
     .opts = RELU(.filters = 9, .kernel = {6})},
    {.why = "more padding than image: whole windows see none of it",
     .x = {{{4, {2, 1, 2, 2}}}},
     .opts = OPTS(.filters = 8, .kernel = {3}, .pad = {5, 4})},
    {.why = "padding below and right alone",
     .x = {{{4, {2, 3, 12, 14}}}},
     .opts = RELU(.filters = 8, .kernel = {3}, .stride = {2}, .pad_extra = {1})},
    {.why = "padding above and left alone",
     .x = {{{4, {2, 3, 12, 11}}}},
     .opts =
         OPTS(.filters = 8, .kernel = {5}, .stride = {2, 1}, .pad = {4, 3}, .pad_extra = {-4, -3})},
    {.why = "a stride beyond the window",
     .x = {{{4, {2, 3, 15, 16}}}},
     .opts = OPTS(.filters = 24, .kernel = {2}, .stride = {5, 4})},
    {.why = "a stride larger across than down",
     .x = {{{4, {2, 3, 9, 20}}}},
     .opts = RELU(.filters = 8, .kernel = {3}, .stride = {1, 3}, .pad = {1})},
    {.why = "rows wider than a band: one each",
     .x = {{{4, {1, 1, 5, 600}}}},
     .opts = RELU(.filters = 12, .kernel = {3}, .pad = {1})},
    {.why = "bias frozen",
     .x = {{{4, {2, 3, 9, 9}}}},
     .opts = OPTS(.filters = 16, .kernel = {4}, .bias = {.frozen = true})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 3, 9, 9}}}},
     .opts = RELU(.filters = 16, .kernel = {4}, .weight = {.frozen = true})},
};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    const lab_kernel few = {
        .device = "cpu,threads=2,prefer=first", .name = "few channels:", .no_dx = true};
    lab_check_kernel(&few, &lab_conv_op, cases, TN_COUNT(cases));
}

/* ---- one net: a convolution of 37 filters over 3 channels --------------------------------- */

enum { IMAGES = 5, SIDE = 23, FILTERS = 37, TAPS = 5, OUT = 11 };

static const tn_conv2d_opts conv = {
    .name = "conv", .filters = FILTERS, .kernel = {TAPS}, .stride = {2}, .pad = {1}};

#define NET(...)                                                                        \
    {                                                                                   \
        .conv = &conv, .x = {4, {IMAGES, 3, SIDE, SIDE}}, .training = true, __VA_ARGS__ \
    }

static tn_step_info conv_of(const tn_plan *p)
{
    tn_step_info step;
    int i = 0;
    do
        assert_ok(tn_plan_step(p, i++, &step));
    while (strcmp(step.node, "conv") != 0 || strcmp(step.op, "conv2d") != 0);
    return step;
}

/* y is one sum a number, whatever the threads; dw adds up what each thread has. More threads than bands
 * are there too. */
static void threads_change_no_bit_of_y_and_little_of_dw(void **unused)
{
    (void)unused;
    static const lab_few_case cases_here[] = {
        NET(.device = "cpu,threads=1"), NET(.device = "cpu,threads=1"),
        NET(.device = "cpu,threads=3"), NET(.device = "cpu,threads=3"),
        NET(.device = "cpu,threads=16")};
    lab_few_check_same(cases_here, TN_COUNT(cases_here));
}

/* Behind the relu too; the other images have none of it. */
static void a_nan_reaches_its_results(void **unused)
{
    (void)unused;
    enum { EACH_Y = FILTERS * OUT * OUT, EACH_X = 3 * SIDE * SIDE };
    static const lab_few_case net = NET(.device = NULL);
    float *x = lab_few_pixels(&net);
    x[EACH_X + SIDE + 1] =
        NAN; /* row 1, column 1 of image 1: in windows 0 and 1 of both directions */
    lab_few_numbers got = lab_few_run(&net, x);
    for (int i = 0; i < IMAGES * EACH_Y; i++) {
        const int p = i / OUT % OUT, q = i % OUT;
        assert_true((isnan(got.y[i]) != 0) == (i / EACH_Y == 1 && p <= 1 && q <= 1));
    }
    assert_true(isnan(got.dw[0]));
    lab_few_drop(&got);
    free(x);
}

/* A convolution by oneDNN behind it reads whole blocks. */
static void leaves_what_fills_blocks_zero(void **unused)
{
    (void)unused;
    enum { NEXT = 3 };
    const tn_shape shape = TN_SHAPE(IMAGES, 3, SIDE, SIDE);
    static const lab_few_case net = NET(.device = NULL);
    float *x = lab_few_pixels(&net), *y = lab_take(IMAGES * NEXT * OUT * OUT, sizeof *y);
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, "cpu,prefer=first"));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, shape);
    const tn_value out =
        tn_conv2d(g, tn_conv2d(g, in, &conv), &(tn_conv2d_opts){.filters = NEXT, .kernel = {1}});
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1, .seed = 1}));
    assert_int_equal(lab_runs(p, "few channels:"), 1);
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, TN_SHAPE(IMAGES, NEXT, OUT, OUT), y}));
    for (int i = 0; i < IMAGES * NEXT * OUT * OUT; i++)
        assert_false(isnan(y[i]));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    free(x);
    free(y);
}

static void is_taken_for_few_channels_behind_an_input(void **unused)
{
    (void)unused;
    static const struct {
        tn_conv2d_opts conv;
        int channels;
        bool hidden, training;
        const char *refusals; /* NULL: taken */
    } rules[] = {
        {.conv = {.filters = 8, .kernel = {11}}, .channels = 1, .training = true},
        {.conv = {.filters = 8, .kernel = {11}}, .channels = 4, .hidden = true},
        {.conv = {.filters = 8, .kernel = {11}},
         .channels = 4,
         .hidden = true,
         .training = true,
         .refusals = "few channels: the gradient of x is asked for"},
        {.conv = {.filters = 8, .kernel = {11}},
         .channels = 5,
         .refusals = "few channels: there are more than 4"},
        {.conv = {.filters = 8, .kernel = {11}, .groups = 2},
         .channels = 2,
         .refusals = "few channels: they are in groups"},
        {.conv = {.filters = 8, .kernel = {11, 1}},
         .channels = 2,
         .refusals = "few channels: the window is 1 wide"},
        {.conv = {.filters = 8, .kernel = {2}, .dilation = {1, 2}},
         .channels = 2,
         .refusals = "few channels: the window is dilated"},
    };
    const tn_cpu_isa isa = tn_cpu_isa_here();
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        tn_conv2d_opts o = rules[i].conv;
        o.name = "conv";
        lab_few t;
        lab_few_open(&t,
                     &(lab_few_case){.conv = &o,
                                     .x = TN_SHAPE(2, rules[i].channels, 14, 14),
                                     .hidden = rules[i].hidden,
                                     .training = rules[i].training},
                     false);
        const tn_step_info step = conv_of(t.plan);
        const char *why = rules[i].refusals;
        if (!why && isa == TN_CPU_AVX512)
            why = "few channels: oneDNN has faster code for AVX-512";
        if (!why && isa == TN_CPU_PORTABLE && rules[i].channels > 1)
            why = "few channels: oneDNN has faster code for more than one";
        assert_true((strstr(step.kernel, "few channels:") != NULL) == !why);
        if (why)
            assert_non_null(strstr(step.refusals, why));
        lab_few_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(threads_change_no_bit_of_y_and_little_of_dw),
        cmocka_unit_test(a_nan_reaches_its_results),
        cmocka_unit_test(leaves_what_fills_blocks_zero),
        cmocka_unit_test(is_taken_for_few_channels_behind_an_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
