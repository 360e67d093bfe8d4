/* pool2d: every rounding of window, stride, padding; who gets the gradient; shapes of known networks. */
#include <math.h>

#include "lab_pool.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_pool2d(g, x[0], opts);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build, .reference = lab_pool_reference, .backward = lab_pool_backward};
    const lab_case cases[] = {
        {"small", X(1, 2, 4, 4), POOL(.kernel = {2})},
        {"one pixel", X(2, 1, 1, 1), POOL(.kernel = {1})},
        {"windows overlap", X(2, 3, 7, 7), POOL(.kernel = {3}, .stride = {2})},
        {"stride leaves rows and columns over", X(1, 3, 8, 9), POOL(.kernel = {3}, .stride = {3})},
        {"windows with gaps between them", X(1, 5, 9, 8), POOL(.kernel = {2}, .stride = {3})},
        {"not square at all", X(2, 4, 9, 6),
         POOL(.kernel = {3, 2}, .stride = {1, 3}, .pad = {2, 1})},
        {"padding is never the largest", X(1, 3, 5, 5),
         POOL(.kernel = {3}, .stride = {2}, .pad = {1})},
        {"ceil: the last window hangs over", X(1, 3, 6, 8),
         POOL(.kernel = {3}, .stride = {2}, .ceil = true)},
        {"ceil: a window that would begin past the image is dropped", X(1, 2, 5, 5),
         POOL(.kernel = {2}, .stride = {2}, .pad = {1}, .ceil = true)},
        {"ceil: hangs over by nearly a window", X(1, 16, 9, 9),
         POOL(.kernel = {4}, .stride = {4}, .ceil = true)},
        {"global", X(2, 3, 4, 5), POOL(.global = true)},
        {"global, of more elements than a byte counts", X(1, 3, 40, 25), POOL(.global = true),
         true},
        {"mean", X(2, 3, 6, 7), POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2})},
        {"mean without the padding", X(1, 3, 5, 6),
         POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .pad = {1})},
        {"mean, hanging over", X(1, 16, 6, 6),
         POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .ceil = true)},
        {"mean, global", X(2, 5, 4, 3), POOL(.kind = TN_POOL_MEAN, .global = true)},
        {"mean with the padding", X(1, 3, 5, 6),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad = {1})},
        {"padding above and below only", X(2, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3, 3}, .stride = {1}, .pad = {1})},
        {"padding at the sides only", X(2, 3, 6, 7),
         POOL(.kernel = {2}, .stride = {1}, .pad = {TN_ZERO, 1})},
        {"padding behind alone: TensorFlow's SAME", X(1, 3, 6, 8),
         POOL(.kernel = {3}, .stride = {2}, .pad_extra = {1})},
        {"padding before alone", X(2, 3, 6, 7),
         POOL(.kernel = {3}, .stride = {1, 2}, .pad = {2}, .pad_extra = {-2})},
        {"mean, more padding behind", X(2, 8, 6, 7),
         POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .pad_extra = {2, 1})},
        {"mean with the padding behind alone", X(2, 8, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad_extra = {1, 2})},
        {"mean with less padding behind", X(2, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {1}, .pad = {2, 1},
              .pad_extra = {-1})},
        {"mean with the padding behind, hanging over", X(1, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {4}, .stride = {3}, .pad_extra = {1, 2},
              .ceil = true)},
        {"mean with the padding, not with what is beyond", X(2, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {4, 3}, .stride = {3, 3}, .pad = {1, 1},
              .ceil = true)},
        {"Caffe's cifar10_quick: no padding, hanging over", X(2, 32, 16, 16),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .ceil = true)},
        {"dilated", X(2, 3, 7, 8), POOL(.kernel = {3}, .stride = {1}, .dilation = {2})},
        {"dilated, of each direction its own, with padding", X(1, 17, 9, 10),
         POOL(.kernel = {3, 2}, .stride = {2, 3}, .pad = {3, 2}, .pad_extra = {-1, 1},
              .dilation = {2, 3})},
        {"dilated, hanging over", X(1, 3, 8, 9),
         POOL(.kernel = {2}, .stride = {3}, .pad = {1}, .dilation = {3}, .ceil = true)},
        {"dilated mean", X(1, 16, 8, 9),
         POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .pad = {2}, .dilation = {2})},
        {"dilated mean with the padding, not with what is beyond", X(2, 3, 8, 9),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3, 4}, .stride = {3, 2}, .pad = {2},
              .pad_extra = {1, 0}, .dilation = {3, 2}, .ceil = true)},
        {"AlexNet's pool1", X(2, 64, 55, 55), POOL(.kernel = {3}, .stride = {2}), true},
        {"ResNet's only maximum", X(1, 64, 112, 112),
         POOL(.kernel = {3}, .stride = {2}, .pad = {1}), true},
        {"GoogLeNet's pool3", X(1, 480, 28, 28), POOL(.kernel = {3}, .stride = {2}, .ceil = true),
         true},
        {"GoogLeNet's in an inception", X(2, 512, 14, 14),
         POOL(.kernel = {3}, .stride = {1}, .pad = {1}), true},
        {"GoogLeNet's before a side loss", X(2, 512, 14, 14),
         POOL(.kind = TN_POOL_MEAN, .kernel = {5}, .stride = {3}, .ceil = true), true},
        {"ResNet-50's last", X(2, 2048, 7, 7), POOL(.kind = TN_POOL_MEAN, .global = true), true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- shapes ------------------------------------------------------------------------------- */

/* Windows are placed one after the other until the next would not fit, or with ceil until all of the
 * padded image is covered. */
static int64_t place_windows(int size, int kernel, int stride, int pad, bool ceil)
{
    int64_t count = 0, begin = -pad, covered = -pad;
    const int end = size + pad;
    while (ceil ? covered < end && begin < size : begin + kernel <= end) {
        count++;
        covered = begin + kernel;
        begin += stride;
    }
    return count;
}

static void check_count(int size, int kernel, int stride, int pad, bool ceil)
{
    tn_graph *g;
    tn_shape y;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 1, size, size));
    const tn_pool2d_opts opts = {
        .kernel = {kernel}, .stride = {stride}, .pad = {pad}, .ceil = ceil};
    assert_ok(tn_value_shape(g, tn_pool2d(g, x, &opts), &y));
    assert_int_equal(y.dim[2], place_windows(size, kernel, stride, pad, ceil));
    assert_int_equal(y.dim[3], y.dim[2]);
    tn_graph_destroy(g);
}

static void rounds_as_caffe(void **unused)
{
    (void)unused;
    for (int size = 1; size <= 9; size++)
        for (int kernel = 1; kernel <= 5; kernel++)
            for (int stride = 1; stride <= kernel; stride++)
                for (int pad = 0; pad < kernel; pad++) {
                    if (size + 2 * pad < kernel)
                        continue;
                    check_count(size, kernel, stride, pad, false);
                    check_count(size, kernel, stride, pad, true);
                }
}

/* ---- ties, and what is no number ------------------------------------------------------------ */

enum { CHANNELS = 17, SIDE = 5, OUT = 3 };

/* dx of 3 x 3 windows, 2 apart, with padding of 1, where x is all 0 and every dy is -1. */
static void pool_zeros(const char *device, float *dx)
{
    static float x[CHANNELS * SIDE * SIDE], target[CHANNELS * OUT * OUT];
    const tn_shape x_shape = TN_SHAPE(1, CHANNELS, SIDE, SIDE);
    const tn_shape y_shape = TN_SHAPE(1, CHANNELS, OUT, OUT);
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    for (int i = 0; i < CHANNELS * OUT * OUT; i++)
        target[i] = CHANNELS * OUT * OUT / 2.0F;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, x_shape);
    const tn_value t = tn_input(g, "t", TN_F32, y_shape);
    const tn_value y =
        tn_pool2d(g, in, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}, .pad = {1}});
    const tn_plan_opts opts = {.loss = tn_mse(g, y, t, NULL), .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, x_shape, x}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, y_shape, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get_gradient(p, in, (tn_tensor){TN_F32, x_shape, dx}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void the_first_of_equals_gets_the_gradient(void **unused)
{
    (void)unused;
    /* Windows begin at -1, 1 and 3: their first taps in x are 0, 1 and 3. */
    static const bool first[SIDE] = {true, true, false, true, false};
    float dx[CHANNELS * SIDE * SIDE];
    for (const char *const *device = lab_devices(); *device; device++) {
        pool_zeros(*device, dx);
        for (int i = 0; i < CHANNELS * SIDE * SIDE; i++)
            assert_true(dx[i] == (first[i / SIDE % SIDE] && first[i % SIDE] ? -1 : 0));
    }
}

/* A network that has run away must show it. Not asked of the CPU: oneDNN leaves out what is no number.
 * What is there for blocks of channels does not, see test_pool2d_blocked.c. */
static void passes_nan_on(void **unused)
{
    (void)unused;
    enum { COUNT = 2 * 4 * 8 };
    const tn_shape x_shape = TN_SHAPE(1, 8, 2, 4), y_shape = TN_SHAPE(1, 8, 1, 2);
    float x[COUNT], y[16];
    for (int i = 0; i < COUNT; i++)
        x[i] = i == 5 ? NAN : (float)i; /* in the first plane: 0 1 2 3 / 4 NaN 6 7 */
    for (const char *const *device = lab_devices() + 1; *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, x_shape);
        const tn_value out = tn_pool2d(g, in, &(tn_pool2d_opts){.kernel = {2}});
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, x_shape, x}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, y_shape, y}));
        assert_true(isnan(y[0]) && y[1] == 7 && y[2] == 13 && y[15] == 63);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

/* ---- errors ------------------------------------------------------------------------------- */

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        const char *why, *says;
        tn_status status;
        tn_shape x;
        tn_pool2d_opts opts;
    } cases[] = {
        {"no window",
         "kernel 0 and stride 0 are not both above 0",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.stride = {0}}},
        {"goes backwards",
         "kernel 2 and stride -1 are",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .stride = {-1}}},
        {"a window of padding only",
         "pad 2 is not in [0, kernel 2)",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .pad = {2}}},
        {"in one direction",
         "pad 2 is not in [0, kernel 2)",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {3, 2}, .pad = {2, 2}}},
        {"below 0",
         "pad -1 is not in",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .pad = {-1}}},
        {"a window of padding only, behind",
         "pad 0 and pad_extra 2 are not in [0, kernel 2)",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .pad_extra = {2}}},
        {"below 0 behind",
         "pad 1 and pad_extra -2 are not in",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .pad = {1}, .pad_extra = {-2}}},
        {"too large to count its taps",
         "a window of 2147483648 is too large",
         TN_ERR_SHAPE,
         TN_SHAPE(1, 1, INT64_C(1) << 31, 1),
         {.global = true}},
        {"too large",
         "a window of 5 does not fit into 4, pad 0 and 0",
         TN_ERR_SHAPE,
         TN_SHAPE(1, 1, 6, 4),
         {.kernel = {5}}},
        {"too large for all",
         "a window of 2147483647 does not fit into 4",
         TN_ERR_SHAPE,
         TN_SHAPE(1, 1, 6, 4),
         {.kernel = {4, 2147483647}}},
        {"no dilation",
         "dilation -1 is not above 0",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .dilation = {-1}}},
        {"too large with what lies between its taps",
         "a window of 7 does not fit into 6",
         TN_ERR_SHAPE,
         TN_SHAPE(1, 1, 6, 6),
         {.kernel = {3}, .dilation = {3}}},
        {"padding that is all of a dilated window",
         "pad 4 is not in [0, window's 4)",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 6, 6),
         {.kernel = {2}, .pad = {4}, .dilation = {3}}},
        {"taps on both sides of x and none in it",
         "dilation 3 may step from pad 1 over all 2",
         TN_ERR_SHAPE,
         TN_SHAPE(1, 1, 2, 2),
         {.kernel = {2}, .pad = {1}, .dilation = {3}}},
        {"global has one window",
         "global, and yet",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kernel = {2}, .global = true}},
        {"no kind",
         "7 is no kind",
         TN_ERR_ARGUMENT,
         TN_SHAPE(1, 1, 4, 4),
         {.kind = (tn_pool_kind)7, .kernel = {2}}},
        {"no image", "2 dimensions, not 4", TN_ERR_SHAPE, TN_SHAPE(4, 4), {.kernel = {2}}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_pool2d_opts opts = cases[i].opts;
        opts.name = "p";
        tn_pool2d(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].says);
        assert_fails(tn_graph_status(g), cases[i].status, "pool2d p: ");
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(rounds_as_caffe),
        cmocka_unit_test(the_first_of_equals_gets_the_gradient),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
