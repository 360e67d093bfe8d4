/* batchnorm with what stands behind it done in the same pass: an addition, a relu, or both, or another function of each element;
 * in training, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"
#include "lab_answers.h"
#include "lab_norm.h"

typedef struct setup {
    tn_batchnorm_opts opts;
    bool adds, relu;
    bool swapped; /* z + y */
    enum { NONE, CLIP, HARDSWISH, SWISH } each;
} setup;

static tn_value each(tn_graph *g, tn_value y, const setup *s)
{
    switch (s->each) {
    case CLIP:
        return tn_clip(g, y, &(tn_clip_opts){.min = -0.25f, .max = 0.75f});
    case HARDSWISH:
        return tn_hardswish(g, y, NULL);
    case SWISH:
        return tn_swish(g, y, NULL);
    default:
        return y;
    }
}

static double value_of(const setup *s, double v)
{
    switch (s->each) {
    case CLIP:
        return v < -0.25 ? -0.25 : v > 0.75 ? 0.75 : v;
    case HARDSWISH:
        return v <= -3 ? 0 : v >= 3 ? v : v * (v / 6 + 0.5);
    case SWISH:
        return v / (1 + exp(-v));
    default:
        return s->relu && v < 0 ? 0 : v;
    }
}

static double slope_of(const setup *s, double v)
{
    const double sigmoid = 1 / (1 + exp(-v));
    switch (s->each) {
    case CLIP:
        return v > -0.25 && v < 0.75;
    case HARDSWISH:
        return v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + 0.5;
    case SWISH:
        return sigmoid * (1 + v * (1 - sigmoid));
    default:
        return !s->relu || v > 0;
    }
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts;
    (void)num_x;
    tn_value y = tn_batchnorm(g, x[0], &s->opts);
    if (s->adds)
        y = s->swapped ? tn_add(g, x[1], y, NULL) : tn_add(g, y, x[1], NULL);
    return s->relu ? tn_relu(g, y, NULL) : each(g, y, s);
}

static bool is_frozen(const lab_ref *r)
{
    const setup *s = r->opts;
    return s->opts.weight.frozen && s->opts.bias.frozen;
}

/* What the last of them sees. */
static void before_last(const lab_ref *r, const lab_norm *n, double *y)
{
    const setup *s = r->opts;
    lab_norm_forward(n, y);
    for (int64_t i = 0; s->adds && i < tn_elements(&n->shape); i++)
        y[i] += r->x[1][i];
}

static void reference(const lab_ref *r)
{
    const setup *s = r->opts;
    const lab_norm n = lab_norm_of(r, 0, 0, is_frozen(r));
    before_last(r, &n, r->y);
    for (int64_t i = 0; i < tn_elements(&n.shape); i++)
        r->y[i] = value_of(s, r->y[i]);
}

static void backward(const lab_ref *r)
{
    const setup *s = r->opts;
    const lab_norm n = lab_norm_of(r, 0, 0, is_frozen(r));
    const int64_t count = tn_elements(&n.shape);
    double *g = lab_take(count, sizeof *g);
    before_last(r, &n, g);
    for (int64_t i = 0; i < count; i++) {
        g[i] = slope_of(s, g[i]) * r->dy[i];
        if (s->adds && r->dx[1])
            r->dx[1][i] += g[i];
    }
    lab_norm_backward(&n, g, r->dx[0], r->dw[0], r->dw[1]);
    free(g);
}

#define X(...)                             \
    {                                      \
        {                                  \
            .shape = TN_SHAPE(__VA_ARGS__) \
        }                                  \
    }
#define XZ(...)                            \
    {                                      \
        {.shape = TN_SHAPE(__VA_ARGS__)},  \
        {                                  \
            .shape = TN_SHAPE(__VA_ARGS__) \
        }                                  \
    }
#define FROZEN                                                \
    {                                                         \
        .weight = {.frozen = true}, .bias = {.frozen = true } \
    }

static const setup relu = {.relu = true}, add = {.adds = true}, both = {.adds = true, .relu = true},
                   swapped = {.adds = true, .relu = true, .swapped = true},
                   frozen = {.opts = FROZEN, .adds = true, .relu = true}, clip = {.each = CLIP},
                   hardswish = {.each = HARDSWISH}, swish = {.each = SWISH},
                   frozen_swish = {.opts = FROZEN, .each = SWISH},
                   weight_frozen = {.opts = {.weight = {.frozen = true}}, .relu = true};

static const lab_op op = {
    .build = build,
    .reference = reference,
    .backward = backward,
    .param = {{"weight"}, {"bias"}, {"running_mean"}, {"running_var", .low = 0.5, .high = 2}},
};

/* By differences: no y of these is within 1e-4 of the kink. */
static void agrees_with_differences(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"relu", X(2, 3, 2, 2), &relu},
        {"add", XZ(2, 3, 2, 2), &add},
        {"add and relu", XZ(2, 3, 3, 2), &both},
        {"z + y", XZ(3, 2, 2, 2), &swapped},
        {"rows", XZ(5, 3), &both},
        {"constants", XZ(2, 3, 2, 2), &frozen},
        {"weight frozen", X(2, 3, 2, 2), &weight_frozen},
        {"hardswish", X(2, 3, 3, 2), &hardswish},
        {"swish", X(3, 2, 2, 2), &swish},
        {"constants, swish", X(2, 3, 2, 2), &frozen_swish},
        {"rows, swish", X(5, 3), &swish},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"more than fills lanes, relu", X(3, 19, 5, 7), &relu},
        {"more than fills lanes, add and relu", XZ(3, 19, 5, 7), &both},
        {"whole lanes", XZ(2, 32, 4, 4), &both},
        {"wide rows", XZ(16, 40), &both},
        {"rows, relu", X(70, 24), &relu},
        {"more than fills lanes, clip", X(3, 19, 5, 7), &clip, .f32_only = true},
        {"more than a run, hardswish", X(2, 3, 17, 18), &hardswish},
        {"whole lanes, swish", X(2, 32, 4, 4), &swish},
        {"ResNet-18's last", XZ(2, 512, 3, 3), &both, .f32_only = true}, /* sums near the kink */
    };
    lab_check_big(&op, cases, TN_COUNT(cases));
}

/* ---- that it is one step ---------------------------------------------------------------------- */

typedef struct count {
    int relus, adds, fused;
} count;

enum { X_BYTES = 2 * 16 * 32 * 32 * 4 };

/* Passes over a tensor as the kernels make them: the statistics read x once more, the sums x and dy. */
static void check_passes(const tn_step_info *s, bool training)
{
    const bool adds = strcmp(s->fused, "add+relu") == 0, backward = s->pass == TN_PASS_BACKWARD;
    const size_t read = backward ? 4 : 1 + (size_t)training + adds;
    const size_t written = 1 + (size_t)(backward && adds);
    assert_int_equal(s->read / X_BYTES, read);
    assert_int_equal(s->written / X_BYTES, written);
    assert_true(s->read % X_BYTES < X_BYTES / 2 && s->written % X_BYTES < X_BYTES / 2);
}

static count plan(const char *device, bool training, bool no_fusion, bool twice)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 16, 32, 32));
    const tn_conv2d_opts conv = {.filters = 16, .kernel = {1}, .no_bias = true};
    const tn_pool2d_opts mean = {.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {1}, .pad = {1}};
    tn_value a = tn_relu(g, tn_batchnorm(g, tn_conv2d(g, x, &conv), NULL), NULL);
    a = tn_pool2d(g, a, &mean);
    const tn_value b = tn_batchnorm(g, tn_conv2d(g, a, &conv), NULL);
    const tn_value c = tn_relu(g, tn_add(g, b, twice ? b : a, NULL), NULL);
    const tn_value loss = tn_mse(g, c, x, NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = training ? loss : (tn_value){0},
                                             .keep = &c,
                                             .num_keep = 1,
                                             .no_fusion = no_fusion,
                                             .precision = TN_PRECISION_F32,
                                             .dry = true}));
    count n = {0};
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        n.relus += strcmp(s.op, "relu") == 0;
        n.adds += strcmp(s.op, "add") == 0 && s.pass != TN_PASS_ADD;
        if (strcmp(s.op, "batchnorm") == 0 && s.fused) {
            check_passes(&s, training);
            n.fused++;
        }
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return n;
}

static void is_one_step(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (int training = 0; training < 2; training++) {
            const int passes = training ? 2 : 1;
            count n = plan(*device, training, false, false);
            assert_true(n.relus == 0 && n.adds == 0 && n.fused == 2 * passes);
            n = plan(*device, training, true, false);
            assert_true(n.relus == 2 * passes && n.adds == passes && n.fused == 0);
            n = plan(*device, training, false, true); /* who reads it twice keeps it */
            assert_true(n.adds == passes);
        }
}

/* On the CPU, in training: batchnorm, clip and what is around them, in two directions. */
static void another_function_is_one_step(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int clips = 0, fused = 0;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 16, 32, 32));
    const tn_conv2d_opts conv = {.filters = 16, .kernel = {1}, .no_bias = true};
    const tn_value y = tn_batchnorm(g, tn_conv2d(g, x, &conv), NULL);
    const tn_value loss = tn_mse(g, tn_clip(g, y, &(tn_clip_opts){.max = 6}), x, NULL);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = loss, .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        clips += strcmp(s.op, "clip") == 0;
        fused += s.fused && strcmp(s.fused, "clip") == 0;
    }
    assert_int_equal(clips, 0);
    assert_int_equal(fused, 2);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_differences),
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(is_one_step),
        cmocka_unit_test(another_function_is_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
