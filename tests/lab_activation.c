#include "lab_activation.h"

static const lab_case cases[] = {
    {.why = "small", .x = {{{2, {2, 3}}, .apart = true}}},
    {.why = "one dimension", .x = {{{1, {37}}, .apart = true}}},
    {.why = "feature map", .x = {{{4, {2, 5, 7, 3}}, .apart = true}}},
    {.why = "six dimensions", .x = {{{6, {2, 1, 3, 2, 2, 3}}, .apart = true}}},
    {.why = "large numbers", .x = {{{2, {3, 9}}, .low = -50, .high = 50, .apart = true}}},
};

void lab_check_activation(const lab_op *op)
{
    lab_check_op(op, cases, TN_COUNT(cases));
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
