/* conv_transpose2d: against loops in double and PyTorch; sizes; what it refuses. */
#include <string.h>

#include "golden/conv_transpose2d.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_conv_transpose2d(g, x[0], opts);
}

typedef struct sizes {
    int64_t N, C, H, W, K, P, Q, R, S, groups;
    int stride[2], dilation[2], pad[2];
} sizes;

static sizes read_sizes(const lab_ref *r)
{
    const tn_conv_transpose2d_opts *o = r->opts;
    const int64_t *x = r->x_shape[0].dim, *y = r->y_shape.dim, *w = r->w_shape[0].dim;
    sizes s = {.N = x[0],
               .C = x[1],
               .H = x[2],
               .W = x[3],
               .K = y[1],
               .P = y[2],
               .Q = y[3],
               .R = w[2],
               .S = w[3],
               .groups = o->groups ? o->groups : 1};
    for (int i = 0; i < 2; i++) {
        s.stride[i] = o->stride[i] ? o->stride[i] : o->stride[0] ? o->stride[0] : 1;
        s.dilation[i] = o->dilation[i] ? o->dilation[i] : o->dilation[0] ? o->dilation[0] : 1;
        s.pad[i] = lab_pad(o->kernel, o->pad, i);
    }
    return s;
}

/* y += w x, or the gradients of both. */
static void visit(const lab_ref *r, bool back)
{
    const sizes s = read_sizes(r);
    const int64_t filters = s.K / s.groups;
    for (int64_t n = 0; n < s.N; n++)
        for (int64_t c = 0; c < s.C; c++)
            for (int64_t k = 0; k < filters; k++)
                for (int64_t i = 0; i < s.H * s.W; i++)
                    for (int64_t j = 0; j < s.R * s.S; j++) {
                        const int64_t p =
                            i / s.W * s.stride[0] + j / s.S * s.dilation[0] - s.pad[0];
                        const int64_t q =
                            i % s.W * s.stride[1] + j % s.S * s.dilation[1] - s.pad[1];
                        const int64_t filter = c / (s.C / s.groups) * filters + k;
                        const int64_t x = (n * s.C + c) * s.H * s.W + i;
                        const int64_t w = (c * filters + k) * s.R * s.S + j;
                        const int64_t y = ((n * s.K + filter) * s.P + p) * s.Q + q;
                        if (p < 0 || p >= s.P || q < 0 || q >= s.Q)
                            continue;
                        if (!back)
                            r->y[y] += r->w[0][w] * r->x[0][x];
                        if (back && r->dx[0])
                            r->dx[0][x] += r->w[0][w] * r->dy[y];
                        if (back && r->dw[0])
                            r->dw[0][w] += r->x[0][x] * r->dy[y];
                    }
}

static void reference(const lab_ref *r)
{
    const sizes s = read_sizes(r);
    for (int64_t i = 0; i < s.N * s.K * s.P * s.Q; i++)
        r->y[i] = r->w[1] ? r->w[1][i / (s.P * s.Q) % s.K] : 0;
    visit(r, false);
}

static void backward(const lab_ref *r)
{
    const sizes s = read_sizes(r);
    visit(r, true);
    for (int64_t i = 0; r->dw[1] && i < s.N * s.K * s.P * s.Q; i++)
        r->dw[1][i / (s.P * s.Q) % s.K] += r->dy[i];
}

static const lab_op op = {
    .build = build, .reference = reference, .backward = backward, .param = {{"weight"}, {"bias"}}};

#define OPTS(...) (&(const tn_conv_transpose2d_opts){__VA_ARGS__})

/* Gradients by differences. */
static const lab_case small[] = {
    {.why = "small", .x = {{{4, {1, 2, 2, 3}}}}, .opts = OPTS(.filters = 2, .kernel = {2})},
    {.why = "U-Net's: a window a pixel",
     .x = {{{4, {2, 4, 3, 2}}}},
     .opts = OPTS(.filters = 3, .kernel = {2}, .stride = {2})},
    {.why = "windows overlap, a row more below",
     .x = {{{4, {1, 3, 3, 4}}}},
     .opts = OPTS(.filters = 2, .kernel = {3}, .stride = {2}, .pad = {1}, .output_pad = {1})},
};

/* Gradients from backward(). */
static const lab_case large[] = {
    {.why = "blocks of channels, U-Net's",
     .x = {{{4, {2, 32, 5, 6}}}},
     .opts = OPTS(.filters = 16, .kernel = {2}, .stride = {2})},
    {.why = "DCGAN's: 4 x 4, stride 2",
     .x = {{{4, {2, 16, 4, 4}}}},
     .opts = OPTS(.filters = 8, .kernel = {4}, .stride = {2}, .pad = {1}, .no_bias = true)},
    {.why = "three filters: a picture",
     .x = {{{4, {2, 8, 4, 5}}}},
     .opts = OPTS(.filters = 3, .kernel = {4}, .stride = {2}, .pad = {1})},
    {.why = "one filter of one channel",
     .x = {{{4, {2, 1, 6, 5}}}},
     .opts = OPTS(.filters = 1, .kernel = {3}, .stride = {2}),
     .f32_only = true},
    {.why = "channels and filters no multiple of 8",
     .x = {{{4, {2, 19, 4, 3}}}},
     .opts = OPTS(.filters = 21, .kernel = {3}, .pad = {1})},
    {.why = "stride larger than the window: pixels that nothing adds to",
     .x = {{{4, {2, 6, 3, 4}}}},
     .opts = OPTS(.filters = 5, .kernel = {2, 1}, .stride = {3, 2}, .output_pad = {1, 1})},
    {.why = "fewer rows below, uneven",
     .x = {{{4, {2, 8, 5, 4}}}},
     .opts =
         OPTS(.filters = 8, .kernel = {3}, .stride = {2}, .pad = {1, 2}, .output_pad = {-1, 1})},
    {.why = "dilation",
     .x = {{{4, {2, 8, 5, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .stride = {2}, .pad = {2}, .dilation = {2, 3})},
    {.why = "2 groups",
     .x = {{{4, {2, 32, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .stride = {2}, .groups = 2)},
    {.why = "groups of odd sizes",
     .x = {{{4, {2, 6, 4, 5}}}},
     .opts = OPTS(.filters = 9, .kernel = {3}, .groups = 3)},
    {.why = "as many groups as channels",
     .x = {{{4, {2, 16, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {4}, .stride = {2}, .pad = {1}, .groups = 16)},
    {.why = "1 x 1 window", .x = {{{4, {2, 16, 4, 3}}}}, .opts = OPTS(.filters = 8, .kernel = {1})},
    {.why = "1 x 1 image", .x = {{{4, {3, 16, 1, 1}}}}, .opts = OPTS(.filters = 8, .kernel = {4})},
    {.why = "bias frozen",
     .x = {{{4, {2, 16, 3, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {2}, .stride = {2}, .bias = {.frozen = true})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 16, 3, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {2}, .stride = {2}, .weight = {.frozen = true})},
};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_op(&op, small, TN_COUNT(small));
}

static void agrees_where_it_is_used(void **unused)
{
    (void)unused;
    lab_check_big(&op, large, TN_COUNT(large));
}

/* ---- PyTorch ------------------------------------------------------------------------------ */

static void compare(const char *device)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape = TN_SHAPE(2, 4, 3, 4), weight = TN_SHAPE(4, 3, 3, 2);
    float x[TN_COUNT(golden_deconv_x)], w[TN_COUNT(golden_deconv_weight)], b[6];
    float got[TN_COUNT(golden_deconv_y)], target[TN_COUNT(golden_deconv_y)];
    memcpy(x, golden_deconv_x, sizeof x);
    memcpy(w, golden_deconv_weight, sizeof w);
    memcpy(b, golden_deconv_bias, sizeof b);
    memcpy(target, golden_deconv_target, sizeof target);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "x", TN_F32, shape);
    const tn_value y = tn_conv_transpose2d(
        g, a,
        OPTS(.name = "up", .filters = 6, .kernel = {3, 2}, .stride = {2, 3}, .pad = {1, TN_ZERO},
             .output_pad = {1, TN_ZERO}, .dilation = {1, 2}, .groups = 2));
    tn_shape y_shape;
    assert_ok(tn_value_shape(g, y, &y_shape));
    const tn_value loss = tn_mse(g, y, tn_input(g, "t", TN_F32, y_shape), NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = loss,
                                             .keep = &y,
                                             .num_keep = 1,
                                             .input_gradients = true,
                                             .precision = TN_PRECISION_F32}));
    const int wi = tn_plan_find_param(p, "up.weight"), bi = tn_plan_find_param(p, "up.bias");
    assert_ok(tn_plan_param_set(p, wi, TN_PARAM_VALUE, (tn_tensor){TN_F32, weight, w}));
    assert_ok(tn_plan_param_set(p, bi, TN_PARAM_VALUE, (tn_tensor){TN_F32, TN_SHAPE(6), b}));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_set(p, tn_graph_value(g, "t"), (tn_tensor){TN_F32, y_shape, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, y_shape, got}));
    lab_assert_close("y", got, golden_deconv_y, TN_COUNT(golden_deconv_y), 1);
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, shape, x}));
    lab_assert_close("dx", x, golden_deconv_dx, TN_COUNT(x), 0);
    assert_ok(tn_plan_param_get(p, wi, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, weight, w}));
    lab_assert_close("dweight", w, golden_deconv_dweight, TN_COUNT(w), 0);
    assert_ok(tn_plan_param_get(p, bi, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, TN_SHAPE(6), b}));
    lab_assert_close("dbias", b, golden_deconv_dbias, TN_COUNT(b), 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        compare(*device);
}

/* ---- sizes and refusals ------------------------------------------------------------------- */

/* A conv2d of the same numbers takes y back to the size of x. */
static void is_what_a_convolution_came_from(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3 * 3 * 3 * 2; i++) {
        const int kernel = i % 3 + 1, stride = i / 3 % 3 + 1, extra = i / 9 % 3 % stride;
        const int dilation = i / 27 % 2 + 1, pad = kernel / 2;
        tn_graph *g;
        tn_shape back;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 2, 5, 7));
        const tn_value y =
            tn_conv_transpose2d(g, x,
                                OPTS(.filters = 1, .kernel = {kernel}, .stride = {stride},
                                     .pad = {pad}, .output_pad = {extra}, .dilation = {dilation}));
        const tn_value z = tn_conv2d(g, y,
                                     &(tn_conv2d_opts){.filters = 2,
                                                       .kernel = {kernel},
                                                       .stride = {stride},
                                                       .pad = {pad},
                                                       .dilation = {dilation}});
        assert_ok(tn_graph_status(g));
        assert_ok(tn_value_shape(g, z, &back));
        assert_int_equal(back.dim[2], 5);
        assert_int_equal(back.dim[3], 7);
        tn_graph_destroy(g);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape x;
        tn_conv_transpose2d_opts opts;
        tn_status status;
        const char *text;
    } cases[] = {
        {{2, {4, 6}}, {.filters = 1, .kernel = {2}}, TN_ERR_SHAPE, "2 dimensions, not 4"},
        {{4, {1, 2, 3, 3}}, {.kernel = {2}}, TN_ERR_ARGUMENT, "filters is 0, not 1 or more"},
        {{4, {1, 2, 3, 3}}, {.filters = 1}, TN_ERR_ARGUMENT, "kernel is 0, not 1 or more"},
        {{4, {1, 2, 3, 3}},
         {.filters = 1, .kernel = {2}, .stride = {-1}},
         TN_ERR_ARGUMENT,
         "stride is -1"},
        {{4, {1, 2, 3, 3}},
         {.filters = 1, .kernel = {2}, .pad = {-1}},
         TN_ERR_ARGUMENT,
         "pad is -1"},
        {{4, {1, 2, 3, 3}},
         {.filters = 1, .kernel = {2}, .stride = {2}, .output_pad = {2}},
         TN_ERR_ARGUMENT,
         "output_pad 2 is not below stride 2"},
        {{4, {1, 2, 3, 3}},
         {.filters = 1, .kernel = {2}, .output_pad = {INT32_MIN + 1}},
         TN_ERR_ARGUMENT,
         "is not below stride 1"},
        {{4, {1, 2, 3, 3}},
         {.filters = 1, .kernel = {2}, .pad = {3}},
         TN_ERR_SHAPE,
         "makes -2 pixels"},
        {{4, {1, 2, 3, 3}},
         {.filters = 3, .kernel = {2}, .groups = 2},
         TN_ERR_ARGUMENT,
         "2 groups do not divide 3"},
        {{4, {1, 3, 3, 3}},
         {.filters = 2, .kernel = {2}, .groups = 2},
         TN_ERR_SHAPE,
         "2 groups do not divide the 3"},
        {{4, {1, 2, INT64_C(1) << 32, 1}},
         {.filters = 1, .kernel = {2}},
         TN_ERR_SHAPE,
         "is too large"},
        {{4, {1, 2, 1 << 30, 1 << 20}},
         {.filters = 1 << 30, .kernel = {2}},
         TN_ERR_SHAPE,
         "elements"},
        {{4, {1, 2, 3, 3}},
         {.filters = INT32_MAX, .kernel = {INT32_MAX}},
         TN_ERR_SHAPE,
         "elements"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        tn_conv_transpose2d_opts opts = cases[i].opts;
        opts.name = "odd";
        assert_ok(tn_graph_create(&g));
        tn_conv_transpose2d(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        assert_true(strncmp(tn_error(), "conv_transpose2d odd: ", 22) == 0);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_where_it_is_used),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(is_what_a_convolution_came_from),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
