/* leaky_relu: against its formula in double, over shapes and layouts. */
#include <math.h>

#include "graph/op.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_leaky_relu(g, x[0], opts ? *(const float *)opts : 0.1F);
}

static void reference(const lab_ref *r)
{
    const double slope = (double)(r->opts ? *(const float *)r->opts : 0.1F);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] > 0 ? r->x[0][i] : slope * r->x[0][i];
}

/* Behind a convolution, which leaves x in blocks of channels, the last of them padded. */
static tn_value build_blocked(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    const tn_conv2d_opts first = {.name = "first", .filters = 20, .kernel = {1}};
    const tn_conv2d_opts second = {.name = "second", .filters = 20, .kernel = {1}};
    return tn_conv2d(g, tn_leaky_relu(g, tn_conv2d(g, x[0], &first), 0.1F), &second);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const float none = 0, steep = 0.9375F;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {2, 3}}, .apart = true}}},
        {.why = "one dimension", .x = {{{1, {37}}, .apart = true}}},
        {.why = "feature map", .x = {{{4, {2, 5, 7, 3}}, .apart = true}}},
        {.why = "six dimensions", .x = {{{6, {2, 1, 3, 2, 2, 3}}, .apart = true}}},
        {.why = "slope 0: a relu", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &none},
        {.why = "slope near 1", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &steep},
        {.why = "large numbers", .x = {{{2, {3, 9}}, .low = -50, .high = 50, .apart = true}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* Whether padding stays zero shows in what the second convolution gives. */
static void any_layout_will_do(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    enum { COUNT = 2 * 20 * 4 * 4 };
    float x[COUNT], y[COUNT], first[20 * 20], second[20 * 20];
    double want[COUNT], mid[COUNT];
    const tn_shape shape = TN_SHAPE(2, 20, 4, 4), weights = TN_SHAPE(20, 20, 1, 1);
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 13 - 6) * 0.1F;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, shape), out = build_blocked(g, &in, 1, NULL);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "first.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, weights, first}));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "second.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, weights, second}));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < COUNT; i++) {
            const int n = i / 320, k = i / 16 % 20, at = i % 16;
            double sum = 0;
            for (int c = 0; c < 20; c++)
                sum += pass ? (double)second[k * 20 + c] * mid[n * 320 + c * 16 + at]
                            : (double)first[k * 20 + c] * (double)x[n * 320 + c * 16 + at];
            if (pass)
                want[i] = sum;
            else
                reference(&(lab_ref){.y_shape = TN_SHAPE(1), .x = {&sum}, .y = &mid[i]});
        }
    lab_assert_close("y", y, want, COUNT, 1);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        float slope;
        const char *text;
    } cases[] = {
        {-0.5F, "slope is -0.5, not in [0, 1)"},
        {1, "slope is 1, not in [0, 1)"},
        {NAN, "nan, not in [0, 1)"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_leaky_relu(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)), cases[i].slope);
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].text);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(any_layout_will_do),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
