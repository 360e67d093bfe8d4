/* pool2d of images in blocks of channels, and the relu that it absorbs. On the CPU these are kernels of our
 * own: with a relu whatever x comes in, else behind a convolution. */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "lab_blocked.h"
#include "lab_pool.h"
#include "lab_rig.h"
#include "plan/plan_test.h"

enum { FILTERS = 19 }; /* no whole blocks */

/* Windows that the kernels know, and others; inside of the image, at its border, past it. */
static void check_maxima(const lab_op *op)
{
    lab_case cases[] = {
        {"small", X(1, 2, 4, 4), POOL(.kernel = {2})},
        {"a row and a column left over", X(2, 3, 5, 7), POOL(.kernel = {2})},
        {"2 x 2 with padding, hanging over", X(1, 2, 5, 6),
         POOL(.kernel = {2}, .pad = {1}, .ceil = true)},
        {"2 x 2, overlapping", X(1, 3, 5, 4), POOL(.kernel = {2}, .stride = {1})},
        {"2 x 2, overlapping in one direction", X(1, 3, 5, 4),
         POOL(.kernel = {2}, .stride = {1, 2})},
        {"2 x 2 with gaps between them", X(1, 5, 9, 8), POOL(.kernel = {2}, .stride = {3})},
        {"gaps between rows only", X(1, 2, 9, 8), POOL(.kernel = {2}, .stride = {3, 2})},
        {"AlexNet's windows", X(2, 3, 7, 7), POOL(.kernel = {3}, .stride = {2})},
        {"ResNet's, with padding", X(1, 3, 8, 6), POOL(.kernel = {3}, .stride = {2}, .pad = {1})},
        {"GoogLeNet's in an inception", X(1, 3, 5, 6),
         POOL(.kernel = {3}, .stride = {1}, .pad = {1})},
        {"3 x 3 side by side", X(1, 2, 7, 9), POOL(.kernel = {3})},
        {"padding, hanging over", X(1, 3, 6, 7),
         POOL(.kernel = {3, 4}, .stride = {2, 3}, .pad = {1, 1}, .ceil = true)},
        {"padding behind alone", X(1, 3, 6, 7),
         POOL(.kernel = {3}, .stride = {2}, .pad_extra = {1, 2})},
        {"padding before alone", X(1, 3, 6, 7),
         POOL(.kernel = {2}, .stride = {2}, .pad = {1}, .pad_extra = {-1})},
        {"one pixel", X(2, 1, 1, 1), POOL(.kernel = {1})},
        {"as many taps as a byte counts", X(1, 2, 15, 17), POOL(.global = true)},
        {"one more", X(1, 2, 16, 16), POOL(.global = true)},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        cases[i].f32_only = true; /* rounded to half precision, another may be the largest */
    lab_check_op(op, cases, TN_COUNT(cases));
}

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_pool2d(g, lab_blocked(g, x[0], FILTERS), opts);
}

static void reference_behind(const lab_ref *r)
{
    const lab_ref behind = lab_behind_blocked(r);
    lab_pool_reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

static const lab_op behind = {
    .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    check_maxima(&behind);
}

static void means_agree_in_blocks_of_channels(void **unused)
{
    (void)unused;
    const lab_case means[] = {
        {"mean", X(1, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .pad = {1}, .ceil = true)},
        {"2 x 2", X(2, 3, 5, 6), POOL(.kind = TN_POOL_MEAN, .kernel = {2})},
        {"2 x 2, overlapping", X(1, 2, 5, 4),
         POOL(.kind = TN_POOL_MEAN, .kernel = {2}, .stride = {1})},
        {"side by side", X(1, 2, 8, 9), POOL(.kind = TN_POOL_MEAN, .kernel = {4, 3})},
        {"global", X(2, 3, 7, 7), POOL(.kind = TN_POOL_MEAN, .global = true)},
        {"mean with the padding", X(1, 3, 5, 5),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad = {1})},
        {"mean with the padding behind alone", X(1, 3, 6, 6),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad_extra = {1})},
        {"of each side its own, hanging over", X(1, 3, 6, 7),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {4}, .stride = {3}, .pad = {2, 1},
              .pad_extra = {-1, 1}, .ceil = true)},
        {"mean with the padding, not with what is beyond", X(1, 3, 6, 6),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad = {0}, .ceil = true)},
    };
    lab_check_op(&behind, means, TN_COUNT(means));
}

/* ---- with a relu --------------------------------------------------------------------------- */

static tn_value build_pool_relu(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_relu(g, tn_pool2d(g, x[0], opts), NULL);
}

/* In training the relu is moved behind the maximum. */
static tn_value build_relu_pool(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_pool2d(g, tn_relu(g, x[0], NULL), opts);
}

static void reference_relu(const lab_ref *r)
{
    lab_pool_reference(r);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = fmax(r->y[i], 0);
}

static void agrees_with_a_relu(void **unused)
{
    (void)unused;
    static const lab_op orders[] = {{.build = build_pool_relu, .reference = reference_relu},
                                    {.build = build_relu_pool, .reference = reference_relu}};
    for (size_t i = 0; i < TN_COUNT(orders); i++)
        check_maxima(&orders[i]);
}

/* ---- plans --------------------------------------------------------------------------------- */

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, y;
    tn_shape x_shape, y_shape;
} rig;

static void open_rig(rig *r, const char *device, tn_shape x)
{
    *r = (rig){.x_shape = x};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, x);
}

static float *take(const tn_shape *shape)
{
    float *data = calloc((size_t)tn_elements(shape), sizeof *data);
    assert_non_null(data);
    return data;
}

/* Evaluates y; with a target, runs mse of both, and backward. */
static void run(rig *r, tn_value y, const float *x, const float *target, tn_plan_opts opts)
{
    tn_value t = {0};
    r->y = y;
    assert_ok(tn_value_shape(r->g, y, &r->y_shape));
    if (target) {
        t = tn_input(r->g, "t", TN_F32, r->y_shape);
        opts.loss = tn_mse(r->g, y, t, NULL);
    }
    opts.keep = &r->y;
    opts.num_keep = 1;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
    assert_ok(tn_plan_poison(r->plan));
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, r->x_shape, (void *)(uintptr_t)x}));
    if (target)
        assert_ok(
            tn_plan_set(r->plan, t, (tn_tensor){TN_F32, r->y_shape, (void *)(uintptr_t)target}));
    assert_ok(target ? tn_plan_run(r->plan) : tn_plan_evaluate(r->plan));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* y of a maximum with a relu behind it, or in front of it, where x[at] is no number. */
static void pool_nan(const char *device, const tn_pool2d_opts *o, int at, bool relu_first)
{
    enum { COUNT = 8 * 3 * 6 };
    float x[COUNT], y[COUNT], target[COUNT] = {0};
    rig r;
    open_rig(&r, device, TN_SHAPE(1, 8, 3, 6));
    for (int i = 0; i < COUNT; i++)
        x[i] = i == at ? NAN : (float)(i % 18) + 1;
    const tn_value out = relu_first ? tn_pool2d(r.g, tn_relu(r.g, r.x, NULL), o)
                                    : tn_relu(r.g, tn_pool2d(r.g, r.x, o), NULL);
    run(&r, out, x, target, (tn_plan_opts){.input_gradients = true});
    assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, r.y_shape, y}));
    assert_true(isnan(y[0]));
    for (int i = 1; i < tn_elements(&r.y_shape); i++)
        assert_true(y[i] > 0);
    close_rig(&r);
}

/* A network that has run away must show it, whether a window's first tap is no number or its second. */
static void passes_nan_on(void **unused)
{
    (void)unused;
    static const tn_pool2d_opts windows[] = {
        {.kernel = {2, 2}}, {.kernel = {3, 3}}, {.kernel = {1, 2}}};
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t k = 0; k < TN_COUNT(windows); k++)
            for (int i = 0; i < 4; i++)
                pool_nan(*device, &windows[k], i % 2, i < 2);
}

/* x is the same everywhere, and each dy is -1. Behind a relu nothing is left of that where x is 0. */
static void the_first_of_equals_gets_the_gradient(void **unused)
{
    (void)unused;
    enum { SIDE = 16, CHANNELS = 17, COUNT = CHANNELS * SIDE * SIDE };
    static const int windows[][2] = {{2, 1}, {2, 2}, {3, 1}, {3, 2}, {4, 1}, {16, 1}};
    static float x[COUNT], target[COUNT], dx[COUNT];
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t k = 0; k < 2 * TN_COUNT(windows); k++) {
            rig r;
            const float same = k % 2 ? 0 : 1;
            const int kernel = windows[k / 2][0], stride = windows[k / 2][1];
            const int out = (SIDE - kernel) / stride + 1;
            open_rig(&r, *device, TN_SHAPE(1, CHANNELS, SIDE, SIDE));
            for (int i = 0; i < COUNT; i++) {
                x[i] = same;
                target[i] = same + (float)(CHANNELS * out * out) / 2;
            }
            const tn_pool2d_opts o = {.kernel = {kernel}, .stride = {stride}};
            run(&r, tn_relu(r.g, tn_pool2d(r.g, r.x, &o), NULL), x, target,
                (tn_plan_opts){.input_gradients = true});
            assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, r.x_shape, dx}));
            for (int i = 0; i < COUNT; i++) {
                const int h = i / SIDE % SIDE, w = i % SIDE;
                const bool first =
                    h % stride == 0 && w % stride == 0 && h / stride < out && w / stride < out;
                assert_true(first ? fabsf(dx[i] + same) < 1e-5f : dx[i] == 0);
            }
            close_rig(&r);
        }
}

/* The norm of all gradients sees those of the channels that only fill blocks: 0 they have to be. Winograd's
 * convolutions take what fills x and dy as it is. */
static void leaves_what_fills_blocks_zero(void **unused)
{
    (void)unused;
    rig r;
    const tn_shape shape = TN_SHAPE(2, 3, 11, 11);
    float *x = take(&shape), target[2 * 5 * 2 * 2] = {0}, dw[FILTERS * 5 * 9], norm;
    for (int i = 0; i < tn_elements(&shape); i++)
        x[i] = (float)(i % 11) - 5;
    open_rig(&r, "cpu,prefer=winograd", shape);
    tn_value y = tn_conv2d(r.g, r.x, &(tn_conv2d_opts){.filters = FILTERS, .kernel = {3}});
    y = tn_pool2d(r.g, y, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}});
    y = tn_conv2d(r.g, y, &(tn_conv2d_opts){.filters = 5, .kernel = {3}});
    run(&r, y, x, target, (tn_plan_opts){.optim = tn_sgd(NULL), .clip_norm = 1e-3f, .seed = 1});
    assert_true(lab_runs(r.plan, "winograd") >= 4); /* forward and backward of two */
    double sum = 0;
    for (int i = 0; i < tn_plan_num_params(r.plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(r.plan, i, &info));
        assert_true((size_t)tn_elements(&info.shape) <= TN_COUNT(dw));
        assert_ok(
            tn_plan_param_get(r.plan, i, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, dw}));
        for (int j = 0; j < tn_elements(&info.shape); j++)
            sum += (double)dw[j] * (double)dw[j];
    }
    assert_ok(tn_plan_update(r.plan, 0.1f));
    assert_ok(tn_plan_gradient_norm(r.plan, &norm));
    assert_true(norm > 0 && fabs((double)norm / sqrt(sum) - 1) < 1e-5);
    close_rig(&r);
    free(x);
}

/* Rows are shared out among threads, and each is written by one. */
static void any_number_of_threads_gives_the_same_bits(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu,threads=1", "cpu,threads=2", "cpu,threads=5"};
    static const tn_pool2d_opts pools[] = {
        {.kernel = {3}, .stride = {2}, .pad = {1}},
        {.kernel = {2}},
        {.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .ceil = true}};
    const tn_shape shape = TN_SHAPE(3, FILTERS, 8, 12);
    float *x = take(&shape), *target = take(&shape), *dx[2] = {take(&shape), take(&shape)};
    for (int i = 0; i < tn_elements(&shape); i++)
        x[i] = sinf((float)i);
    for (size_t k = 0; k < TN_COUNT(pools); k++)
        for (size_t i = 0; i < TN_COUNT(devices); i++) {
            rig r;
            open_rig(&r, devices[i], shape);
            run(&r, tn_relu(r.g, tn_pool2d(r.g, r.x, &pools[k]), NULL), x, target,
                (tn_plan_opts){.input_gradients = true});
            assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, shape, dx[i > 0]}));
            assert_memory_equal(dx[0], dx[i > 0], (size_t)tn_elements(&shape) * sizeof **dx);
            close_rig(&r);
        }
    free(x);
    free(target);
    free(dx[0]);
    free(dx[1]);
}

/* ---- who does it --------------------------------------------------------------------------- */

static tn_value conv_of(tn_graph *g, tn_value x)
{
    return tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 16, .kernel = {3}, .pad = {1}});
}

static const tn_pool2d_opts maximum = {.kernel = {2}};

static tn_value behind_conv(tn_graph *g, tn_value x)
{
    return tn_pool2d(g, conv_of(g, x), &maximum);
}

static tn_value of_input(tn_graph *g, tn_value x)
{
    return tn_pool2d(g, x, &maximum);
}

static tn_value mean_past_padding(tn_graph *g, tn_value x)
{
    return tn_pool2d(
        g, x,
        &(tn_pool2d_opts){.kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .ceil = true});
}

static tn_value conv_relu_pool(tn_graph *g, tn_value x)
{
    return tn_pool2d(g, tn_relu(g, conv_of(g, x), NULL), &maximum);
}

static tn_value mean_relu(tn_graph *g, tn_value x)
{
    const tn_pool2d_opts o = {.kind = TN_POOL_MEAN, .kernel = {2}};
    return tn_relu(g, tn_pool2d(g, conv_of(g, x), &o), NULL);
}

static void is_taken_where_it_should_be(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        tn_value (*build)(tn_graph *g, tn_value x);
        bool learns;
        const char *kernel; /* it begins with that; NULL: oneDNN's */
        const char *absorbs_relu;
    } plans[] = {
        {"x comes in blocks of channels", behind_conv, false, "max 2x2:", NULL},
        {"x comes row major", of_input, false, NULL, NULL},
        {"oneDNN cannot do it", mean_past_padding, false, "mean 3x3:", NULL},
        {"evaluation: the convolution has the relu", conv_relu_pool, false, "max 2x2:", "conv2d"},
        {"training: the maximum has it", conv_relu_pool, true, "max 2x2:", "pool2d"},
        {"a mean has no relu", mean_relu, true, "mean 2x2:", NULL},
    };
    for (size_t i = 0; i < TN_COUNT(plans); i++) {
        rig r;
        const tn_shape shape = TN_SHAPE(2, 16, 8, 8);
        float *zeros = take(&shape);
        const char *absorbs = NULL, *kernel = "";
        print_message("%s\n", plans[i].why);
        open_rig(&r, "cpu", shape);
        run(&r, plans[i].build(r.g, r.x), zeros, plans[i].learns ? zeros : NULL, (tn_plan_opts){0});
        for (int k = 0; k < tn_plan_num_steps(r.plan); k++) {
            tn_step_info step;
            assert_ok(tn_plan_step(r.plan, k, &step));
            if (step.fused)
                absorbs = step.op;
            if (strcmp(step.op, "pool2d") == 0)
                kernel = step.kernel;
        }
        if (plans[i].kernel)
            assert_memory_equal(kernel, plans[i].kernel, strlen(plans[i].kernel));
        else
            assert_null(strstr(kernel, "2x2"));
        if (plans[i].absorbs_relu)
            assert_string_equal(absorbs, plans[i].absorbs_relu);
        else
            assert_null(absorbs);
        close_rig(&r);
        free(zeros);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(means_agree_in_blocks_of_channels),
        cmocka_unit_test(agrees_with_a_relu),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(the_first_of_equals_gets_the_gradient),
        cmocka_unit_test(leaves_what_fills_blocks_zero),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(is_taken_where_it_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
