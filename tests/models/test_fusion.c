/*
 * What fusing may not change: any number; and what it may not depend on: the order of a program's lines.
 */
#include <math.h>
#include <string.h>

#include "lab_op.h"

enum { N = 2, C = 4, SIDE = 32, COUNT = N * C * SIDE * SIDE, POOLED = COUNT / 4 };

static tn_device *open_cpu(void)
{
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    return d;
}

static tn_value halved(tn_graph *g, tn_value x)
{
    return tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
}

/* ---- order of lines ------------------------------------------------------------------------- */

typedef tn_value two_branches(tn_graph *g, tn_value a, tn_value b);

static tn_value one_by_one(tn_graph *g, tn_value a, tn_value b)
{
    a = halved(g, tn_relu(g, a, NULL));
    return tn_add(g, a, halved(g, tn_relu(g, b, NULL)), NULL);
}

static tn_value side_by_side(tn_graph *g, tn_value a, tn_value b)
{
    a = tn_relu(g, a, NULL);
    b = tn_relu(g, b, NULL);
    a = halved(g, a);
    return tn_add(g, a, halved(g, b), NULL);
}

static tn_value twice(tn_graph *g, tn_value a, tn_value b)
{
    a = halved(g, tn_relu(g, tn_relu(g, a, NULL), NULL));
    return tn_add(g, a, halved(g, tn_relu(g, tn_relu(g, b, NULL), NULL)), NULL);
}

static tn_value twice_side_by_side(tn_graph *g, tn_value a, tn_value b)
{
    a = tn_relu(g, a, NULL);
    b = tn_relu(g, b, NULL);
    b = tn_relu(g, b, NULL);
    a = tn_relu(g, a, NULL);
    b = halved(g, b);
    return tn_add(g, halved(g, a), b, NULL);
}

typedef struct figures {
    int steps, large_relus; /* on as many numbers as x */
    size_t activations;
} figures;

static figures plan(tn_device *d, two_branches *build)
{
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(N, C, SIDE, SIDE));
    const tn_value label = tn_input(g, "label", TN_I32, TN_SHAPE(N));
    const tn_value a = tn_gelu(g, x, NULL), b = tn_swish(g, x, NULL);
    const tn_value y = tn_dense(g, build(g, a, b), &(tn_dense_opts){.units = 3});
    const tn_loss loss = tn_softmax_xent(g, y, label, NULL);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = loss.loss, .dry = true}));
    figures f = {.steps = tn_plan_num_steps(p), .activations = tn_plan_memory(p).activations};
    for (int i = 0; i < f.steps; i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        f.large_relus += strcmp(s.op, "relu") == 0 && s.y.dim[2] == SIDE;
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    return f;
}

static void the_order_of_lines_does_not_matter(void **state)
{
    static const struct {
        const char *why;
        two_branches *first, *second;
    } cases[] = {
        {"branches", one_by_one, side_by_side},
        {"one behind the other, too", twice, twice_side_by_side},
    };
    (void)state;
    tn_device *d = open_cpu();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const figures one = plan(d, cases[i].first), other = plan(d, cases[i].second);
        print_message("%s: %d and %d steps, %zu and %zu bytes\n", cases[i].why, one.steps,
                      other.steps, one.activations, other.activations);
        assert_int_equal(one.large_relus, 0);
        assert_int_equal(other.large_relus, 0);
        assert_int_equal(one.steps, other.steps);
        assert_true(one.activations == other.activations);
    }
    tn_device_close(d);
}

/* ---- numbers -------------------------------------------------------------------------------- */

typedef tn_value activation(tn_graph *g, tn_value x, const tn_layer_opts *opts);

static tn_value leaky(tn_graph *g, tn_value x, const tn_layer_opts *unused)
{
    (void)unused;
    return tn_leaky_relu(g, x, &(tn_leaky_relu_opts){.slope = 0.6f});
}

static tn_value clip(tn_graph *g, tn_value x, const tn_layer_opts *unused)
{
    (void)unused;
    return tn_clip(g, x, &(tn_clip_opts){.min = -2, .max = 3});
}

static tn_tensor tensor(int side, float *data)
{
    return (tn_tensor){TN_F32, TN_SHAPE(N, C, side, side), data};
}

static void run(tn_device *d, activation *act, bool no_fusion, float *x, float *y, float *dx)
{
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float *zeros = tn_alloc(POOLED, sizeof *zeros);
    assert_non_null(zeros);
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(N, C, SIDE, SIDE));
    const tn_value goal = tn_input(g, "goal", TN_F32, TN_SHAPE(N, C, SIDE / 2, SIDE / 2));
    const tn_value out = halved(g, act(g, in, NULL));
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, out, goal, NULL),
                                             .keep = &out,
                                             .num_keep = 1,
                                             .input_gradients = true,
                                             .no_fusion = no_fusion}));
    assert_ok(tn_plan_set(p, in, tensor(SIDE, x)));
    assert_ok(tn_plan_set(p, goal, tensor(SIDE / 2, zeros)));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, out, tensor(SIDE / 2, y)));
    assert_ok(tn_plan_get_gradient(p, in, tensor(SIDE, dx)));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_free(zeros);
}

/* Where different x have the same y, the first of them is the largest y, but not the largest x. */
static void no_number_changes(void **state)
{
    static const struct {
        const char *why;
        activation *act;
        float from, step;
    } cases[] = {
        {"relu of both signs", tn_relu, -8, 1},
        {"relu of neighbours", tn_relu, 1.7f, 0x1p-23f},
        {"clip below, between and above", clip, -8, 1},
        {"sigmoid where it is nearly 1", tn_sigmoid, 10, 1.0f / 1024},
        {"tanh where it is nearly 1", tn_tanh, 6, 1.0f / 1024},
        {"slope times neighbours", leaky, -1.7f, 0x1p-23f},
    };
    static float x[COUNT], y[2][POOLED], dx[2][COUNT];
    uint32_t r = 1; /* Numerical Recipes' generator */
    (void)state;
    tn_device *d = open_cpu();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        for (int j = 0; j < COUNT; j++)
            x[j] = cases[i].from + cases[i].step * (float)((r = r * 1664525 + 1013904223) >> 28);
        for (int fused = 0; fused < 2; fused++)
            run(d, cases[i].act, !fused, x, y[fused], dx[fused]);
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        assert_memory_equal(dx[0], dx[1], sizeof dx[0]);
    }
    tn_device_close(d);
}

/* ---- gradients that meet ---------------------------------------------------------------------- */

enum { FILTERS = 8, X_COUNT = N * C * 8 * 8 };

/* Three convolutions, one with stride, and a tanh read what a convolution makes. */
static int meet(const char *device, float *dx)
{
    static float x[X_COUNT], zeros[N * FILTERS * 4 * 4];
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int adds = 0;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_conv2d_opts three = {.filters = FILTERS, .kernel = {3}, .stride = {2}, .pad = {1}};
    const tn_conv2d_opts one = {.filters = FILTERS, .kernel = {1}, .stride = {2}};
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(N, C, 8, 8));
    const tn_value goal = tn_input(g, "goal", TN_F32, TN_SHAPE(N, FILTERS, 4, 4));
    const tn_value v = tn_conv2d(g, in, &(tn_conv2d_opts){.filters = FILTERS, .kernel = {1}});
    tn_value y = tn_add(g, tn_conv2d(g, v, &three), tn_conv2d(g, v, &one), NULL);
    y = tn_add(g, y, halved(g, tn_tanh(g, v, NULL)), NULL);
    y = tn_add(g, y, tn_relu(g, tn_conv2d(g, v, &three), NULL), NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, y, goal, NULL),
                                             .input_gradients = true,
                                             .seed = 7,
                                             .precision = TN_PRECISION_F32}));
    for (int i = 0; i < X_COUNT; i++)
        x[i] = (float)((i * 7919) % 101) / 50 - 1;
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(N, C, 8, 8), x}));
    assert_ok(tn_plan_set(p, goal, (tn_tensor){TN_F32, TN_SHAPE(N, FILTERS, 4, 4), zeros}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get_gradient(p, in, (tn_tensor){TN_F32, TN_SHAPE(N, C, 8, 8), dx}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        adds += s.pass == TN_PASS_ADD;
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return adds;
}

/* The first to give its part writes it, and cuDNN's convolutions add theirs to that. */
static void what_meets_is_added_up(void **state)
{
    static float want[X_COUNT], got[X_COUNT];
    double exact[X_COUNT];
    (void)state;
    assert_int_equal(meet("cpu", want), 3);
    for (int i = 0; i < X_COUNT; i++)
        exact[i] = (double)want[i];
    for (const char *const *device = lab_devices(); *device; device++) {
        const int adds = meet(*device, got);
        lab_assert_close(*device, got, exact, X_COUNT, 1.0 / X_COUNT);
        if (strncmp(*device, "sim", 3) == 0)
            assert_int_equal(adds, strstr(*device, "cudnn=off") ? 3 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_lines_does_not_matter),
        cmocka_unit_test(no_number_changes),
        cmocka_unit_test(what_meets_is_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
