/* conv2d by Winograd's method: against loops in double wherever it can be taken, how far it errs, and when
 * the rule takes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/_winograd_passes.h"
#include "lab_conv.h"

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
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {2, 0})},
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
    {.why = "2 groups",
     .x = {{{4, {2, 32, 7, 7}}}},
     .opts = RELU(.filters = 64, .kernel = {5}, .pad = {2}, .groups = 2)},
    {.why = "3 groups, uneven ones",
     .x = {{{4, {2, 48, 6, 5}}}},
     .opts = OPTS(.filters = 96, .kernel = {3}, .pad = {1}, .groups = 3)},
    {.why = "several blocks of tiles, the last one smaller",
     .x = {{{4, {3, 16, 45, 39}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {1})},
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
    lab_case all[TN_COUNT(cases)];
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        all[i] = cases[i];
        all[i].big = true;
        all[i].f32_only = true; /* GPUs have seen such cases in test_conv2d */
    }
    tn_wino_always = true;
    lab_check_op(&lab_conv_op, all, TN_COUNT(all));
    tn_wino_always = false;
}

/* ---- how far it errs ---------------------------------------------------------------------- */

enum { IMAGES = 2, CHANNELS = 32, SIDE = 14 };

static uint32_t random_state;

static double uniform(double low, double high)
{
    random_state = random_state * 1664525u + 1013904223u;
    return low + (high - low) * (random_state >> 8) / (1 << 24);
}

static double even(int64_t i)
{
    (void)i;
    return uniform(-1, 1);
}

static double behind_relu(int64_t i)
{
    return fmax(even(i), 0);
}

static double constant(int64_t i)
{
    return 1 + (double)(i / (SIDE * SIDE) % 3);
}

static double of_all_sizes(int64_t i)
{
    return even(i) * pow(10, uniform(-6, 6));
}

static double spike(int64_t i)
{
    return i % (SIDE * SIDE) == SIDE * SIDE / 2 ? 1e6 : 1;
}

static double chessboard(int64_t i)
{
    return (i / SIDE + i % SIDE) % 2 ? 1 : -1;
}

/* What docs/numerics.md states of windows of 3 x 3 and 5 x 5: the largest error of a tensor, by the largest
 * number in it. */
static const struct {
    const char *why;
    double (*fill)(int64_t i);
    double allowed[2];
} inputs[] = {
    {"numbers from -1 to 1", even, {5e-6, 1e-5}},
    {"half of them 0, as behind a relu", behind_relu, {5e-6, 1e-5}},
    {"constant images", constant, {5e-6, 1e-5}},
    {"sizes from 1e-6 to 1e6", of_all_sizes, {5e-6, 1e-5}},
    {"one pixel of 1e6 among ones", spike, {5e-6, 3e-5}},
    {"a chessboard", chessboard, {5e-6, 1e-5}},
};

typedef struct tensors {
    float *x, *w, *y, *dx, *dw;
    double *x_ref, *w_ref, *y_ref, *dy_ref, *dx_ref, *dw_ref;
} tensors;

static double error_of(const float *got, const double *want, int64_t count)
{
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(want[i]));
        const double error = fabs((double)got[i] - want[i]);
        assert_true(error < 1e30); /* no NaN */
        worst = fmax(worst, error);
    }
    return worst / largest;
}

/* One step of training of y = conv(x, w), loss = the mean of y y. */
static void run(const tensors *t, const lab_conv_case *o, tn_shape shape, tn_shape weight)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float *zeros = calloc((size_t)tn_elements(&shape), sizeof *zeros);
    assert_non_null(zeros);
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, shape), target = tn_input(g, "t", TN_F32, shape);
    const tn_value y = tn_conv2d(g, x, &o->conv), loss = tn_mse(g, y, target);
    const tn_plan_opts opts = {.loss = loss, .keep = &y, .num_keep = 1, .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, shape, t->x}));
    assert_ok(tn_plan_set(p, target, (tn_tensor){TN_F32, shape, zeros}));
    assert_ok(tn_plan_param_set(p, 0, TN_PARAM_VALUE, (tn_tensor){TN_F32, weight, t->w}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, shape, t->y}));
    assert_ok(tn_plan_get_gradient(p, x, (tn_tensor){TN_F32, shape, t->dx}));
    assert_ok(tn_plan_param_get(p, 0, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, weight, t->dw}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    free(zeros);
}

static void make_answers(const tensors *t, const lab_conv_case *o, tn_shape shape, tn_shape weight)
{
    const int64_t count = tn_elements(&shape);
    lab_ref r = {.opts = o,
                 .num_x = 1,
                 .x_shape = {shape},
                 .x = {t->x_ref},
                 .w_shape = {weight},
                 .w = {t->w_ref},
                 .y_shape = shape,
                 .y = t->y_ref,
                 .dy = t->dy_ref,
                 .dx = {t->dx_ref},
                 .dw = {t->dw_ref}};
    lab_conv_op.reference(&r);
    for (int64_t i = 0; i < count; i++)
        t->dy_ref[i] = 2 * t->y_ref[i] / (double)count;
    lab_conv_op.backward(&r);
}

static void *take(int64_t count, size_t size)
{
    void *p = calloc((size_t)count, size);
    assert_non_null(p);
    return p;
}

/* Fills x and w for inputs[i] and measures y, dx and dw. */
static void measure(size_t i, int side, double error[3])
{
    const lab_conv_case o = {
        .conv = {.filters = CHANNELS, .kernel = {side}, .pad = {side / 2}, .no_bias = true}};
    const tn_shape shape = TN_SHAPE(IMAGES, CHANNELS, SIDE, SIDE);
    const tn_shape weight = TN_SHAPE(CHANNELS, CHANNELS, side, side);
    const int64_t count = tn_elements(&shape), taps = tn_elements(&weight);
    tensors t = {.x = take(count, 4), .y = take(count, 4), .dx = take(count, 4)};
    t.w = take(taps, 4);
    t.dw = take(taps, 4);
    t.x_ref = take(count, 8);
    t.y_ref = take(count, 8);
    t.dy_ref = take(count, 8);
    t.dx_ref = take(count, 8);
    t.w_ref = take(taps, 8);
    t.dw_ref = take(taps, 8);
    random_state = 1;
    for (int64_t j = 0; j < count; j++)
        t.x_ref[j] = t.x[j] = (float)inputs[i].fill(j);
    for (int64_t j = 0; j < taps; j++)
        t.w_ref[j] = t.w[j] = (float)even(j);
    make_answers(&t, &o, shape, weight);
    run(&t, &o, shape, weight);
    error[0] = error_of(t.y, t.y_ref, count);
    error[1] = error_of(t.dx, t.dx_ref, count);
    error[2] = error_of(t.dw, t.dw_ref, taps);
    free(t.x), free(t.y), free(t.dx), free(t.w), free(t.dw);
    free(t.x_ref), free(t.y_ref), free(t.dy_ref), free(t.dx_ref), free(t.w_ref), free(t.dw_ref);
}

static void errs_no_more_than_the_document_says(void **unused)
{
    (void)unused;
    static const char *const what[] = {"y", "dx", "dw"};
    tn_wino_always = true;
    for (int side = 3; side <= 5; side += 2)
        for (size_t i = 0; i < TN_COUNT(inputs); i++) {
            double error[3];
            measure(i, side, error);
            for (int j = 0; j < 3; j++)
                if (!(error[j] <= inputs[i].allowed[side == 5]))
                    fail_msg("%d x %d, %s: %s is off by %.2g of its largest number, allowed %.2g",
                             side, side, inputs[i].why, what[j], error[j],
                             inputs[i].allowed[side == 5]);
        }
    tn_wino_always = false;
}

/* ---- when it is taken --------------------------------------------------------------------- */

static void is_taken_by_the_rule(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        tn_shape x;
        tn_conv2d_opts conv;
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
        {.why = "the same in a strict plan",
         .x = {4, {32, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .strict = true,
         .refusals = "conv2d c: not by Winograd's method: the plan is strict"},
        {.why = "the same for one image: to transform the filters is too much",
         .x = {4, {1, 192, 13, 13}},
         .conv = {.filters = 384, .kernel = {3}, .pad = {1}},
         .refusals =
             "it costs as much as 223.0 million multiplications, the formula 112.1 million"},
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
        const tn_value y = tn_conv2d(g, tn_input(g, "x", TN_F32, rules[i].x), &conv);
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
        cmocka_unit_test(errs_no_more_than_the_document_says),
        cmocka_unit_test(is_taken_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
