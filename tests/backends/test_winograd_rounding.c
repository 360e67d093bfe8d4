/* conv2d by Winograd's method: how far it errs, over inputs that make it err, and what does not change with
 * the number of threads: docs/numerics.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/winograd/passes.h"
#include "lab_conv.h"
#include "lab_rig.h"

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

/* In each plane at another place of its tile. */
static double spike(int64_t i)
{
    const int64_t pixels = SIDE * SIDE;
    return i % pixels == i / pixels * 37 % pixels ? 1e6 : 1;
}

/* The same for all planes, whose errors then add up. */
static double spikes(int64_t i)
{
    return i % (SIDE * SIDE) == 9 * SIDE ? 1e6 : 1;
}

static double chessboard(int64_t i)
{
    return (i / SIDE + i % SIDE) % 2 ? 1 : -1;
}

/* By number of the tile, TN_WINO_4X4 and on: the window's side. */
static const int side_of[TN_WINO_TILES] = {3, 3, 5};

/* What docs/numerics.md states of each tile: the largest error of a tensor, by the largest number in it. */
static const struct {
    const char *why;
    double (*fill)(int64_t i);
    double allowed[TN_WINO_TILES];
} inputs[] = {
    {"numbers from -1 to 1", even, {1e-6, 5e-6, 1e-5}},
    {"half of them 0, as behind a relu", behind_relu, {1e-6, 5e-6, 1e-5}},
    {"constant images", constant, {1e-6, 5e-6, 1e-5}},
    {"sizes from 1e-6 to 1e6", of_all_sizes, {1e-6, 5e-6, 1e-5}},
    {"one pixel of 1e6 in each plane of ones", spike, {1e-6, 5e-6, 1e-5}},
    {"the same pixel of 1e6 in all planes of ones", spikes, {1e-6, 5e-6, 3e-5}},
    {"a chessboard", chessboard, {1e-6, 5e-6, 1e-5}},
};

typedef struct tensors {
    float *x, *w, *target, *y, *dx, *dw;
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

/* One step of training of y = conv(x, w), loss = the mean of (y - target) squared. */
static void run(const tensors *t, const lab_conv_case *o, tn_shape shape, tn_shape weight,
                tn_shape out, const char *device)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, shape), target = tn_input(g, "t", TN_F32, out);
    const tn_value y = tn_conv2d(g, x, &o->conv), loss = tn_mse(g, y, target, NULL);
    const tn_plan_opts opts = {.loss = loss, .keep = &y, .num_keep = 1, .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_true(lab_runs(p, "winograd") >= 2); /* forward and backward */
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, shape, t->x}));
    assert_ok(tn_plan_set(p, target, (tn_tensor){TN_F32, out, t->target}));
    assert_ok(tn_plan_param_set(p, 0, TN_PARAM_VALUE, (tn_tensor){TN_F32, weight, t->w}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, out, t->y}));
    assert_ok(tn_plan_get_gradient(p, x, (tn_tensor){TN_F32, shape, t->dx}));
    assert_ok(tn_plan_param_get(p, 0, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, weight, t->dw}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
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

/* Fills x and w for inputs[i] and makes room for the rest. */
static tensors take_tensors(size_t i, int64_t count, int64_t taps)
{
    tensors t = {.x = take(count, 4), .y = take(count, 4), .dx = take(count, 4)};
    t.w = take(taps, 4);
    t.dw = take(taps, 4);
    t.target = take(count, 4); /* 0 */
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
    return t;
}

static void free_tensors(tensors *t)
{
    free(t->x), free(t->y), free(t->dx), free(t->w), free(t->dw), free(t->target);
    free(t->x_ref), free(t->y_ref), free(t->dy_ref);
    free(t->dx_ref), free(t->w_ref), free(t->dw_ref);
}

/* Of y, dx and dw. */
static void measure(size_t i, int tile, double error[3])
{
    const int side = side_of[tile];
    const lab_conv_case o = {
        .conv = {.filters = CHANNELS, .kernel = {side}, .pad = {side / 2}, .no_bias = true}};
    const tn_shape shape = TN_SHAPE(IMAGES, CHANNELS, SIDE, SIDE);
    const tn_shape weight = TN_SHAPE(CHANNELS, CHANNELS, side, side);
    const int64_t count = tn_elements(&shape), taps = tn_elements(&weight);
    tensors t = take_tensors(i, count, taps);
    make_answers(&t, &o, shape, weight);
    run(&t, &o, shape, weight, shape,
        tile == TN_WINO_4X4 ? "cpu,prefer=winograd4x4" : "cpu,prefer=winograd");
    error[0] = error_of(t.y, t.y_ref, count);
    error[1] = error_of(t.dx, t.dx_ref, count);
    error[2] = error_of(t.dw, t.dw_ref, taps);
    free_tensors(&t);
}

static void errs_no_more_than_the_document_says(void **unused)
{
    (void)unused;
    static const char *const what[] = {"y", "dx", "dw"};
    for (int tile = 0; tile < TN_WINO_TILES; tile++)
        for (size_t i = 0; i < TN_COUNT(inputs); i++) {
            double error[3];
            measure(i, tile, error);
            for (int j = 0; j < 3; j++)
                if (!(error[j] <= inputs[i].allowed[tile]))
                    fail_msg("tile %d, %s: %s is off by %.2g of its largest number, allowed %.2g",
                             tile, inputs[i].why, what[j], error[j], inputs[i].allowed[tile]);
        }
}

/* y and dx for any number of threads; dw, whose parts each thread adds up by itself, for the same one. */
static void compare_threads(const lab_conv_case *o, tn_shape shape, tn_shape weight, tn_shape out)
{
    static const char *const devices[] = {
        "cpu,prefer=winograd,threads=1", "cpu,prefer=winograd,threads=2",
        "cpu,prefer=winograd,threads=3", "cpu,prefer=winograd,threads=8",
        "cpu,prefer=winograd,threads=16"};
    const int64_t count = tn_elements(&shape), taps = tn_elements(&weight);
    tensors first = take_tensors(0, count, taps), t = take_tensors(0, count, taps);
    for (int64_t i = 0; i < count; i++)
        first.target[i] = t.target[i] = (float)even(i);
    run(&first, o, shape, weight, out, devices[0]);
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        run(&t, o, shape, weight, out, devices[i]);
        assert_memory_equal(t.y, first.y, (size_t)tn_elements(&out) * sizeof *t.y);
        assert_memory_equal(t.dx, first.dx, (size_t)count * sizeof *t.dx);
        memcpy(first.dw, t.dw, (size_t)taps * sizeof *t.dw);
        run(&t, o, shape, weight, out, devices[i]);
        assert_memory_equal(t.dw, first.dw, (size_t)taps * sizeof *t.dw);
        assert_true(t.y[0] != 0 && t.dx[0] != 0 && t.dw[0] != 0);
    }
    free_tensors(&first);
    free_tensors(&t);
}

static void gives_the_same_bits_again(void **unused)
{
    (void)unused;
    const lab_conv_case padded = {
        .conv = {.filters = CHANNELS, .kernel = {3}, .pad = {1}, .no_bias = true}};
    /* Backward data walks the forward pass backward. */
    const lab_conv_case bare = {.conv = {.filters = CHANNELS, .kernel = {5}, .no_bias = true}};
    /* Few tiles, and filters that do not stay in L2: all threads at all tiles. */
    enum { MANY = 96 };
    const lab_conv_case together = {
        .conv = {.filters = MANY, .kernel = {3}, .pad = {1}, .no_bias = true}};
    const tn_shape x = TN_SHAPE(IMAGES, CHANNELS, SIDE, SIDE), few = TN_SHAPE(2, MANY, 5, 5);
    compare_threads(&padded, x, TN_SHAPE(CHANNELS, CHANNELS, 3, 3), x);
    compare_threads(&bare, x, TN_SHAPE(CHANNELS, CHANNELS, 5, 5),
                    TN_SHAPE(IMAGES, CHANNELS, SIDE - 4, SIDE - 4));
    compare_threads(&together, few, TN_SHAPE(MANY, MANY, 3, 3), few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errs_no_more_than_the_document_says),
        cmocka_unit_test(gives_the_same_bits_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
