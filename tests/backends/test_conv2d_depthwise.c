/* conv2d of one filter a channel on the CPU: against the reference around the edges of tiles, blocks and windows, with what it
 * does behind it, and its gradients; the same bits for any number of threads; NaNs; and when it is taken. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"
#include "lab_answers.h"
#include "lab_conv.h"
#include "lab_nan.h"
#include "lab_rig.h"
#include "plan/plan_test.h"

enum { NEXT = 3 /* filters of a layer behind it, which reads whole blocks */ };

typedef enum behind {
    NOTHING,
    RELU,
    CLIP,
    CLIP_ABOVE_0,
    LEAKY_RELU,
    SIGMOID,
    SWISH,
    HARDSWISH,
    ADD,
    ADD_RELU
} behind;

typedef struct one_case {
    const char *why;
    tn_shape x;
    tn_conv2d_opts conv;
    behind post;
} one_case;

static const one_case cases[] = {
    {"tiles of 7, whole blocks", {4, {1, 32, 14, 14}}, {.kernel = {3}, .pad = {1}}, NOTHING},
    {"tiles of 8, blocks to fill, relu", {4, {3, 20, 16, 16}}, {.kernel = {3}, .pad = {1}}, RELU},
    {"a last tile that begins earlier", {4, {3, 5, 9, 19}}, {.kernel = {3}, .pad = {1}}, CLIP},
    {"fewer pixels than a tile", {4, {1, 17, 4, 3}}, {.kernel = {3}, .pad = {1}}, HARDSWISH},
    {"one pixel", {4, {3, 48, 1, 1}}, {.kernel = {3}, .pad = {1}}, LEAKY_RELU},
    {"stride 2, no bias",
     {4, {1, 24, 15, 29}},
     {.kernel = {3}, .stride = {2}, .pad = {1}, .no_bias = true},
     SWISH},
    {"stride 2, padding below and right alone",
     {4, {3, 16, 16, 32}},
     {.kernel = {3}, .stride = {2}, .pad_extra = {1}},
     CLIP_ABOVE_0},
    {"the same with blocks to fill, which the clip leaves apart",
     {4, {1, 9, 16, 16}},
     {.kernel = {3}, .stride = {2}, .pad_extra = {1}},
     CLIP_ABOVE_0},
    {"5 x 5", {4, {1, 33, 14, 21}}, {.kernel = {5}, .pad = {2}}, RELU},
    {"5 x 5, stride 2", {4, {1, 32, 31, 30}}, {.kernel = {5}, .stride = {2}, .pad = {2}}, SIGMOID},
    {"7 x 7", {4, {3, 16, 7, 16}}, {.kernel = {7}, .pad = {3}}, HARDSWISH},
    {"7 x 7, stride 2", {4, {1, 8, 23, 33}}, {.kernel = {7}, .stride = {2}, .pad = {3}}, NOTHING},
    {"a sum, blocks to fill", {4, {3, 20, 9, 17}}, {.kernel = {3}, .pad = {1}}, ADD},
    {"a sum and a relu, fewer pixels than a tile",
     {4, {1, 16, 5, 5}},
     {.kernel = {5}, .pad = {2}},
     ADD_RELU},
    {"windows without padding", {4, {1, 16, 12, 17}}, {.kernel = {3}}, CLIP},
    {"a window that the compiler does not know",
     {4, {3, 10, 9, 22}},
     {.kernel = {2, 4}, .stride = {1, 3}, .pad = {1, 2}},
     RELU},
    {"dilation", {4, {1, 16, 13, 17}}, {.kernel = {3}, .pad = {2, 3}, .dilation = {2, 3}}, SWISH},
    {"dilation above alone, stride",
     {4, {1, 16, 13, 18}},
     {.kernel = {3}, .stride = {2}, .pad = {4, 1}, .dilation = {4, 1}},
     NOTHING},
    {"more padding than window", {4, {1, 16, 3, 2}}, {.kernel = {3}, .pad = {5, 4}}, RELU},
    {"1 x 1", {4, {3, 20, 5, 9}}, {.kernel = {1}}, LEAKY_RELU},
    {"what does not stay in the caches", {4, {1, 64, 200, 200}}, {.kernel = {3}, .pad = {1}}, CLIP},
};

static tn_value put_behind(tn_graph *g, tn_value x, tn_value more, behind post)
{
    switch (post) {
    case RELU:
        return tn_relu(g, x, NULL);
    case CLIP:
        return tn_clip(g, x, &(tn_clip_opts){.min = -0.25F, .max = 0.5F});
    case CLIP_ABOVE_0:
        return tn_clip(g, x, &(tn_clip_opts){.min = 0.25F, .max = 0.5F});
    case LEAKY_RELU:
        return tn_leaky_relu(g, x, &(tn_leaky_relu_opts){.slope = 0.25F});
    case SIGMOID:
        return tn_sigmoid(g, x, NULL);
    case SWISH:
        return tn_swish(g, x, NULL);
    case HARDSWISH:
        return tn_hardswish(g, x, NULL);
    case ADD:
        return tn_add(g, x, more, NULL);
    case ADD_RELU:
        return tn_relu(g, tn_add(g, more, x, NULL), NULL);
    case NOTHING:
    default:
        return x;
    }
}

/* What that and the layer behind it give. */
typedef struct answer {
    int64_t count[2];
    float *y[2];
} answer;

static answer run(const char *device, const one_case *c, const float *x, bool strict)
{
    answer a;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_shape shape[2];
    tn_conv2d_opts conv = c->conv;
    conv.name = "conv";
    conv.filters = conv.groups = (int)c->x.dim[1];
    if (!conv.no_bias)
        conv.bias.init = (tn_init){.kind = TN_INIT_UNIFORM, .value = 0.5F};
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, c->x);
    tn_value out[2];
    out[0] = put_behind(g, tn_conv2d(g, in, &conv), in, c->post);
    out[1] = tn_conv2d(g, out[0], &(tn_conv2d_opts){.filters = NEXT, .kernel = {1}});
    assert_ok(tn_graph_status(g));
    assert_ok(tn_plan_create(
        &p, g, d, &(tn_plan_opts){.keep = out, .num_keep = 2, .seed = 1, .strict = strict}));
    const bool here = strstr(device, "reference") == NULL;
    if (lab_runs(p, "depthwise ") != here)
        fail_msg("%s, on %s: it is %s", c->why, device, here ? "not taken" : "taken");
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, c->x, (void *)(uintptr_t)x}));
    assert_ok(tn_plan_evaluate(p));
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_value_shape(g, out[i], &shape[i]));
        a.count[i] = tn_elements(&shape[i]);
        a.y[i] = lab_take((size_t)a.count[i], sizeof(float));
        assert_ok(tn_plan_get(p, out[i], (tn_tensor){TN_F32, shape[i], a.y[i]}));
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return a;
}

static void drop(answer *a)
{
    free(a->y[0]);
    free(a->y[1]);
}

static float *pixels_of(const one_case *c)
{
    const int64_t count = tn_elements(&c->x);
    float *x = lab_take((size_t)count, sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 37 % 101) / 50 - 1;
    return x;
}

static void agrees_with_the_reference(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        float *x = pixels_of(&cases[i]);
        for (int nan = 0; nan < 2; nan++) {
            if (nan)
                x[tn_elements(&cases[i].x) / 2] = NAN;
            answer want = run("cpu,reference", &cases[i], x, false),
                   got = run("cpu,threads=2", &cases[i], x, true),
                   same = run("cpu,threads=1", &cases[i], x, false);
            for (int k = 0; k < 2; k++)
                for (int64_t j = 0; j < got.count[k]; j++) {
                    const float y = got.y[k][j], w = want.y[k][j];
                    if (isnan(w) ? !isnan(y) : !(fabsf(y - w) <= 1e-5F * (1 + fabsf(w))))
                        fail_msg("%s, output %d: %g, not %g at %d", cases[i].why, k, (double)y,
                                 (double)w, (int)j);
                }
            assert_memory_equal(got.y[0], same.y[0], (size_t)got.count[0] * sizeof(float));
            drop(&want);
            drop(&got);
            drop(&same);
        }
        free(x);
    }
}

/* Around the edges of the image, of tiles of 4, 7 and 8 pixels and of blocks; what compilers know, and what they do not. */
static const lab_case trained[] = {
    {.why = "one image, more pixels than tiles",
     .x = {{{4, {1, 4, 6, 9}}}},
     .opts = OPTS(.filters = 4, .groups = 4, .kernel = {3}, .pad = {1})},
    {.why = "relu, blocks to fill, tiles of 7",
     .x = {{{4, {3, 20, 7, 7}}}},
     .opts = RELU(.filters = 20, .groups = 20, .kernel = {3}, .pad = {1})},
    {.why = "tiles of 8, no bias",
     .x = {{{4, {2, 16, 5, 16}}}},
     .opts = OPTS(.filters = 16, .groups = 16, .kernel = {3}, .pad = {1}, .no_bias = true)},
    {.why = "stride 2, both of its pixels left over",
     .x = {{{4, {2, 17, 10, 19}}}},
     .opts = OPTS(.filters = 17, .groups = 17, .kernel = {3}, .stride = {2}, .pad = {1})},
    {.why = "stride 2, padding below and right alone, fewer pixels than a tile",
     .x = {{{4, {2, 5, 6, 4}}}},
     .opts = OPTS(.filters = 5, .groups = 5, .kernel = {3}, .stride = {2}, .pad_extra = {1})},
    {.why = "5 x 5 without padding",
     .x = {{{4, {2, 8, 9, 14}}}},
     .opts = RELU(.filters = 8, .groups = 8, .kernel = {5})},
    {.why = "5 x 5, stride 2",
     .x = {{{4, {2, 32, 9, 8}}}},
     .opts = OPTS(.filters = 32, .groups = 32, .kernel = {5}, .stride = {2}, .pad = {2})},
    {.why = "7 x 7",
     .x = {{{4, {2, 3, 8, 15}}}},
     .opts = OPTS(.filters = 3, .groups = 3, .kernel = {7}, .pad = {3})},
    {.why = "7 x 7, stride 2, larger than the image",
     .x = {{{4, {3, 16, 4, 5}}}},
     .opts = OPTS(.filters = 16, .groups = 16, .kernel = {7}, .stride = {2}, .pad = {3})},
    {.why = "5 x 5, stride 2, padding below and right alone, no bias",
     .x = {{{4, {2, 6, 8, 11}}}},
     .opts = OPTS(.filters = 6, .groups = 6, .kernel = {5}, .stride = {2}, .pad = {1},
                  .pad_extra = {2}, .no_bias = true)},
    {.why = "a window that the compiler does not know",
     .x = {{{4, {2, 9, 9, 10}}}},
     .opts = RELU(.filters = 9, .groups = 9, .kernel = {2, 4}, .stride = {1, 3}, .pad = {1, 2})},
    {.why = "dilation above alone",
     .x = {{{4, {2, 16, 9, 9}}}},
     .opts = OPTS(.filters = 16, .groups = 16, .kernel = {3}, .pad = {2, 1}, .dilation = {2, 1})},
    {.why = "dilation",
     .x = {{{4, {2, 4, 8, 9}}}},
     .opts = OPTS(.filters = 4, .groups = 4, .kernel = {3}, .pad = {2, 3}, .dilation = {2, 3})},
    {.why = "more padding than window, one pixel",
     .x = {{{4, {2, 8, 1, 1}}}},
     .opts = OPTS(.filters = 8, .groups = 8, .kernel = {3}, .pad = {4})},
    {.why = "weights frozen",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = RELU(.filters = 16, .groups = 16, .kernel = {3}, .weight = {.frozen = true})},
};

static void gives_the_gradients_of_the_formula(void **unused)
{
    (void)unused;
    const lab_kernel one = {.device = "cpu", .name = "depthwise"};
    lab_check_kernel(&one, &lab_conv_op, trained, TN_COUNT(trained));
    lab_check_nan_by(&one, &lab_conv_op, &trained[1]);
}

enum {
    IMAGES = 7,
    CHANNELS = 20,
    SIDE = 12,
    X = IMAGES * CHANNELS * SIDE * SIDE,
    W = CHANNELS * 9
};

static void train(const char *device, float *dx, float *dw)
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
    const tn_value y = tn_conv2d(
        g, x,
        &(tn_conv2d_opts){
            .filters = CHANNELS, .groups = CHANNELS, .kernel = {3}, .pad = {1}, .no_bias = true});
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = tn_mse(g, y, t, NULL), .input_gradients = true, .seed = 1}));
    assert_int_equal(lab_runs(p, "depthwise "), 2);
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, shape, numbers}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, shape, numbers}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get_gradient(p, x, (tn_tensor){TN_F32, shape, dx}));
    assert_ok(tn_plan_param_get(p, 0, TN_PARAM_GRADIENT,
                                (tn_tensor){TN_F32, TN_SHAPE(CHANNELS, 1, 3, 3), dw}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void gives_the_same_bits_for_any_number_of_threads(void **unused)
{
    (void)unused;
    static float dx[2][X], dw[2][W];
    static const char *const devices[] = {"cpu,threads=1", "cpu,threads=2", "cpu,threads=5"};
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        train(devices[i], dx[i > 0], dw[i > 0]);
        assert_memory_equal(dx[i > 0], dx[0], sizeof dx[0]);
        assert_memory_equal(dw[i > 0], dw[0], sizeof dw[0]);
    }
}

static void is_taken_for_one_filter_a_channel(void **unused)
{
    (void)unused;
    static const struct {
        int filters, groups;
        bool training, taken;
        const char *refusals; /* contain it; NULL: not looked at */
    } rules[] = {
        {16, 16, false, true, NULL},
        {16, 16, true, true, NULL},
        {32, 16, false, false, NULL},
        {16, 8, false, false, NULL},
    };
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        tn_step_info step;
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 16, 9, 9));
        const tn_value y =
            tn_conv2d(g, x,
                      &(tn_conv2d_opts){
                          .filters = rules[i].filters, .groups = rules[i].groups, .kernel = {3}});
        tn_plan_opts opts = {.keep = &y, .num_keep = 1, .dry = true};
        if (rules[i].training)
            opts.loss = tn_mse(g, y, tn_input(g, "t", TN_F32, TN_SHAPE(2, 16, 7, 7)), NULL);
        assert_ok(tn_plan_create(&p, g, d, &opts));
        assert_int_equal(lab_runs(p, "depthwise ") > 0, rules[i].taken);
        for (int s = 0; rules[i].refusals && s < tn_plan_num_steps(p); s++) {
            assert_ok(tn_plan_step(p, s, &step));
            if (strcmp(step.op, "conv2d") == 0)
                assert_non_null(strstr(step.refusals, rules[i].refusals));
        }
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(gives_the_gradients_of_the_formula),
        cmocka_unit_test(gives_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(is_taken_for_one_filter_a_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
