#include "lab_activation.h"

#include <math.h>

#include "lab_nan.h"

static const lab_case always[] = {
    {.why = "small", .x = {{{2, {2, 3}}, .apart = true}}},
    {.why = "one dimension", .x = {{{1, {37}}, .apart = true}}},
    {.why = "feature map", .x = {{{4, {2, 5, 7, 3}}, .apart = true}}},
    {.why = "six dimensions", .x = {{{6, {2, 1, 3, 2, 2, 3}}, .apart = true}}},
    {.why = "large numbers", .x = {{{2, {3, 9}}, .low = -50, .high = 50, .apart = true}}},
};

void lab_check_activation(const lab_op *op)
{
    lab_check_op(op, always, TN_COUNT(always));
}

enum { N = 2, C = 20, PIXELS = 16, COUNT = N * C * PIXELS };

/* y[n,k] = sum over c of w[k,c] * x[n,c], for each pixel: a convolution with a 1 x 1 window. */
static void mix_channels(const float *w, const double *x, double *y)
{
    for (int i = 0; i < COUNT; i++) {
        const int n = i / (C * PIXELS), k = i / PIXELS % C, pixel = i % PIXELS;
        y[i] = 0;
        for (int c = 0; c < C; c++)
            y[i] += (double)w[k * C + c] * x[(n * C + c) * PIXELS + pixel];
    }
}

void lab_check_activation_in_blocks(const lab_op *op)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float x[COUNT], y[COUNT], w[2][C * C];
    double given[COUNT], first[COUNT], between[COUNT], want[COUNT];
    const tn_shape shape = TN_SHAPE(N, C, 4, 4), weights = TN_SHAPE(C, C, 1, 1);
    for (int i = 0; i < COUNT; i++)
        given[i] = (double)(x[i] = (float)(i % 13 - 6) * 0.1F);
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, shape);
    const tn_value a =
        tn_conv2d(g, in, &(tn_conv2d_opts){.name = "first", .filters = C, .kernel = {1}});
    const tn_value out =
        tn_conv2d(g, op->build(g, &a, 1, NULL),
                  &(tn_conv2d_opts){.name = "second", .filters = C, .kernel = {1}});
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    for (int i = 0; i < 2; i++)
        assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, i ? "second.weight" : "first.weight"),
                                    TN_PARAM_VALUE, (tn_tensor){TN_F32, weights, w[i]}));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));

    mix_channels(w[0], given, first);
    op->reference(
        &(lab_ref){.num_x = 1, .x_shape = {shape}, .x = {first}, .y_shape = shape, .y = between});
    mix_channels(w[1], between, want);
    lab_assert_close("y", y, want, COUNT, 1);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static struct {
    const lab_op *op;
    const lab_case *cases;
    size_t count;
    void (*more)(void);
} under_test;

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_activation(under_test.op);
    if (under_test.cases)
        lab_check_op(under_test.op, under_test.cases, under_test.count);
}

static void steps_where_it_should(void **unused)
{
    (void)unused;
    static const lab_case steps[] = {
        {.why = "small", .x = {{{2, {2, 3}}, .low = -3, .high = 3}}, .big = true},
        {.why = "six dimensions",
         .x = {{{6, {2, 1, 3, 2, 2, 3}}, .low = -3, .high = 3}},
         .big = true},
        {.why = "large numbers",
         .x = {{{1, {37}}, .low = -5e6, .high = 5e6}},
         .big = true,
         .f32_only = true},
    };
    lab_check_big(under_test.op, steps, TN_COUNT(steps));
}

static void any_layout_will_do(void **unused)
{
    (void)unused;
    lab_check_activation_in_blocks(under_test.op);
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    static const lab_case c = {.why = "vectors of every type, and a rest", .x = {{{2, {5, 7}}}}};
    for (const char *const *device = lab_devices(); *device; device++)
        lab_check_nan(under_test.op, &c, *device, false);
}

static void does_the_rest(void **unused)
{
    (void)unused;
    if (under_test.more)
        under_test.more();
}

int lab_activation_main(const lab_op *op, const lab_case *cases, size_t count, void (*more)(void))
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(any_layout_will_do),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(does_the_rest),
    };
    under_test.op = op;
    under_test.cases = cases;
    under_test.count = count;
    under_test.more = more;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int lab_steps_main(const lab_op *op)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_where_it_should),
        cmocka_unit_test(passes_nan_on),
    };
    under_test.op = op;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

void lab_check_refused(const lab_op *op, const void *opts, const char *says)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2));
    op->build(g, &x, 1, opts);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, says);
    tn_graph_destroy(g);
}

enum { MOST = 16 };

void lab_check_digits(const lab_op *op, const float *x, int count)
{
    float copy[MOST];
    double given[MOST], want[MOST];
    const tn_shape shape = TN_SHAPE(count);
    assert_true(count <= MOST);
    for (int i = 0; i < count; i++)
        given[i] = (double)(copy[i] = x[i]);
    op->reference(
        &(lab_ref){.num_x = 1, .x_shape = {shape}, .x = {given}, .y_shape = shape, .y = want});
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        float y[MOST];
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, shape), out = op->build(g, &in, 1, NULL);
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, copy}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));
        for (int i = 0; i < count; i++)
            if (!(fabs((double)y[i] - want[i]) <= 2e-6 * fabs(want[i])))
                fail_msg("%s: y of %g is %.9g, not %.9g", *device, given[i], (double)y[i], want[i]);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}
