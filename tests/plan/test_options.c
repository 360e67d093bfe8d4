/*
 * The rule of <tenon/options.h>: every legal value can be said, and what is left out is the default.
 */
#include <math.h>
#include <string.h>

#include "lab_op.h"

static void exactly_keeps_type_and_value(void **state)
{
    (void)state;
    const double d = 1e-12;
    const int64_t big = INT64_C(1) << 40;
    assert_true(TN_EXACTLY(0.0F) == TN_ZERO && TN_EXACTLY(-0.0) == TN_ZERO);
    assert_true(TN_EXACTLY(d) == d && TN_EXACTLY(big) == big && TN_EXACTLY(-3) == -3);
    const float f = TN_ZERO; /* fits exactly */
    assert_true(f == TN_ZERO && (double)f == TN_ZERO && (int)f == TN_ZERO);
}

/* ---- windows ---------------------------------------------------------------------------------- */

static void pads_are_what_was_said(void **state)
{
    (void)state;
    static const struct {
        int kernel[2], pad[2], height, width; /* of y; x is 9 x 9 */
        const char *why;
        int extra[2];
    } cases[] = {
        {{3}, {1}, 9, 9, "one number each: all around"},
        {{3}, {1, 2}, 9, 11, "both said"},
        {{3}, {0, 1}, 7, 9, "the first is 0"},
        {{3}, {1, TN_ZERO}, 9, 7, "the second is 0, said so"},
        {{3}, {TN_ZERO, TN_ZERO}, 7, 7, "none, said so"},
        {{3, 3}, {1, 0}, 9, 7, "the kernel has two: so has the pad"},
        {{3, 3}, {1}, 9, 7, "the same, left out"},
        {{7, 1}, {3, 0}, 9, 9, "Inception's 7 x 1"},
        {{1, 7}, {0, 3}, 9, 9, "and 1 x 7"},
        {{3, 3}, {TN_ZERO, 1}, 7, 9, "0 said in the first"},
        {{3}, {0}, 8, 8, "one more behind: all around", {1}},
        {{3}, {1}, 8, 8, "one less behind", {-1}},
        {{3}, {0}, 9, 7, "two more below alone", {2, TN_ZERO}},
        {{3, 3}, {0}, 9, 7, "the same of a kernel of two", {2, 0}},
        {{3, 3}, {1, 2}, 8, 12, "each side its own", {-1, 1}},
    };
    for (size_t i = 0; i < 2 * TN_COUNT(cases); i++) {
        const int *k = cases[i / 2].kernel, *p = cases[i / 2].pad, *e = cases[i / 2].extra;
        const bool pool = i % 2, too_wide = p[0] >= k[0] || cases[i / 2].width > 10;
        tn_graph *g = NULL;
        tn_shape y;
        if (pool && too_wide) /* its padding is less than its window */
            continue;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 2, 9, 9));
        const tn_conv2d_opts conv = {
            .filters = 2, .kernel = {k[0], k[1]}, .pad = {p[0], p[1]}, .pad_extra = {e[0], e[1]}};
        const tn_pool2d_opts window = {
            .kernel = {k[0], k[1]}, .stride = {1}, .pad = {p[0], p[1]}, .pad_extra = {e[0], e[1]}};
        assert_ok(tn_value_shape(g, pool ? tn_pool2d(g, x, &window) : tn_conv2d(g, x, &conv), &y));
        if (y.dim[2] != cases[i / 2].height || y.dim[3] != cases[i / 2].width)
            fail_msg("%s: %s is %s", cases[i / 2].why, pool ? "pool2d" : "conv2d",
                     tn_shape_format(&y).text);
        tn_graph_destroy(g);
    }
}

/* ---- numbers that reach the kernels ------------------------------------------------------------ */

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value x, target;
} net;

static void open_net(net *n, const char *device)
{
    *n = (net){0};
    assert_ok(tn_device_open(&n->device, device));
    assert_ok(tn_graph_create(&n->g));
}

static void close_net(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
    tn_device_close(n->device);
}

static void get(const net *n, const char *param, int part, tn_shape shape, float *to)
{
    const int index = tn_plan_find_param(n->plan, param);
    assert_true(index >= 0);
    assert_ok(tn_plan_param_get(n->plan, index, part, (tn_tensor){TN_F32, shape, to}));
}

/* w of y = w x with x = 1 and target 3, from 0.5: what the optimizer makes of it in four steps of rate 1/2. */
static void train_one_weight(const char *device, tn_optim optim, double *w)
{
    net n;
    float one = 1, three = 3, weight;
    const tn_shape shape = TN_SHAPE(1, 1);
    open_net(&n, device);
    n.x = tn_input(n.g, "x", TN_F32, shape);
    n.target = tn_input(n.g, "target", TN_F32, shape);
    const tn_dense_opts opts = {
        .name = "d", .units = 1, .no_bias = true, .weight = {.init = {TN_INIT_CONSTANT, 0.5F}}};
    const tn_value loss = tn_mse(n.g, tn_dense(n.g, n.x, &opts), n.target, NULL);
    assert_ok(tn_plan_create(
        &n.plan, n.g, n.device,
        &(tn_plan_opts){.loss = loss, .optim = optim, .precision = TN_PRECISION_F32}));
    for (int step = 0; step < 4; step++) {
        assert_ok(tn_plan_set(n.plan, n.x, (tn_tensor){TN_F32, shape, &one}));
        assert_ok(tn_plan_set(n.plan, n.target, (tn_tensor){TN_F32, shape, &three}));
        assert_ok(tn_plan_run(n.plan));
        assert_ok(tn_plan_update(n.plan, 0.5F));
        get(&n, "d.weight", TN_PARAM_VALUE, shape, &weight);
        w[step] = (double)weight;
    }
    close_net(&n);
}

static void adam_takes_zeros(void **state)
{
    (void)state;
    static const struct {
        tn_adam_opts opts;
        double beta1, beta2, epsilon;
    } cases[] = {
        {{0}, 0.9, 0.999, 1e-8},
        {{.beta1 = TN_ZERO}, 0, 0.999, 1e-8},
        {{.beta1 = TN_ZERO, .beta2 = 0.9F}, 0, 0.9, 1e-8}, /* StyleGAN's, nearly */
        {{.beta2 = TN_ZERO}, 0.9, 0, 1e-8},
        {{.epsilon = TN_ZERO}, 0.9, 0.999, 0},
        {{.beta1 = TN_ZERO, .beta2 = TN_ZERO, .epsilon = 0.25F}, 0, 0, 0.25},
    };
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(cases); i++) {
            double got[4], w = 0.5, m = 0, v = 0;
            train_one_weight(*device, tn_adam(&cases[i].opts), got);
            for (int t = 1; t <= 4; t++) {
                const double g = 2 * (w - 3);
                m = cases[i].beta1 * m + (1 - cases[i].beta1) * g;
                v = cases[i].beta2 * v + (1 - cases[i].beta2) * g * g;
                w -= 0.5 * (m / (1 - pow(cases[i].beta1, t))) /
                     (sqrt(v / (1 - pow(cases[i].beta2, t))) + cases[i].epsilon);
                if (!(fabs(got[t - 1] - w) < 1e-5))
                    fail_msg("%s: adam %zu, update %d: w is %g, not %g", *device, i, t, got[t - 1],
                             w);
            }
        }
}

static void sgd_takes_zeros(void **state)
{
    (void)state;
    double plain[4], zeros[4];
    train_one_weight("cpu", tn_sgd(NULL), plain);
    train_one_weight("cpu", tn_sgd(&(tn_sgd_opts){.momentum = TN_ZERO, .weight_decay = TN_ZERO}),
                     zeros);
    assert_memory_equal(plain, zeros, sizeof plain);
}

/* Running statistics that training leaves alone, however far its batch is from them. */
static void batchnorm_takes_a_momentum_of_0(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++) {
        net n;
        float x[16 * 2], statistic[2];
        const tn_shape shape = TN_SHAPE(16, 2);
        for (int i = 0; i < 32; i++)
            x[i] = (float)(i % 7) + 10;
        open_net(&n, *device);
        n.x = tn_input(n.g, "x", TN_F32, shape);
        n.target = tn_input(n.g, "target", TN_F32, shape);
        const tn_batchnorm_opts opts = {.name = "bn", .momentum = TN_ZERO};
        const tn_value loss = tn_mse(n.g, tn_batchnorm(n.g, n.x, &opts), n.target, NULL);
        assert_ok(tn_plan_create(&n.plan, n.g, n.device, &(tn_plan_opts){.loss = loss}));
        assert_ok(tn_plan_set(n.plan, n.x, (tn_tensor){TN_F32, shape, x}));
        assert_ok(tn_plan_set(n.plan, n.target, (tn_tensor){TN_F32, shape, x}));
        assert_ok(tn_plan_run(n.plan));
        get(&n, "bn.running_mean", TN_PARAM_VALUE, TN_SHAPE(2), statistic);
        assert_true(statistic[0] == 0 && statistic[1] == 0);
        get(&n, "bn.running_var", TN_PARAM_VALUE, TN_SHAPE(2), statistic);
        assert_true(statistic[0] == 1 && statistic[1] == 1);
        close_net(&n);
    }
}

static void parameters_start_at_0(void **state)
{
    (void)state;
    static const struct {
        tn_init init;
        bool zero;
    } cases[] = {
        {{TN_INIT_CONSTANT, 0}, true},       {{TN_INIT_CONSTANT, TN_ZERO}, true},
        {{TN_INIT_FAN_IN, TN_ZERO}, true},   {{TN_INIT_FAN_IN, 0}, false},
        {{TN_INIT_NORMAL, TN_ZERO}, true},   {{TN_INIT_UNIFORM, TN_ZERO}, true},
        {{TN_INIT_DEFAULT, TN_ZERO}, false},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        net n;
        float w[4];
        open_net(&n, "cpu");
        n.x = tn_input(n.g, "x", TN_F32, TN_SHAPE(2, 4));
        const tn_value y = tn_dense(
            n.g, n.x, &(tn_dense_opts){.name = "d", .units = 1, .weight = {.init = cases[i].init}});
        assert_ok(tn_plan_create(&n.plan, n.g, n.device,
                                 &(tn_plan_opts){.keep = &y, .num_keep = 1, .clip_norm = TN_ZERO}));
        get(&n, "d.weight", TN_PARAM_VALUE, TN_SHAPE(1, 4), w);
        if ((w[0] == 0 && w[3] == 0) != cases[i].zero)
            fail_msg("case %zu: a weight is %g", i, (double)w[0]);
        close_net(&n);
    }
}

static double largest_of(const net *n, const char *name)
{
    static float w[1 << 14];
    tn_param_info info;
    int64_t count;
    double most = 0;
    assert_ok(tn_plan_param(n->plan, tn_plan_find_param(n->plan, name), &info));
    assert_ok(tn_shape_count(&info.shape, &count));
    assert_true(count <= 1 << 14);
    get(n, name, TN_PARAM_VALUE, info.shape, w);
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)w[i]));
    return most;
}

/* Bounds that many numbers come near to: fans of a filter are those of its group, of a bias those of its weights. */
static void fans_are_what_the_layer_sums(void **state)
{
    (void)state;
    const tn_param_opts xavier = {.init = {.kind = TN_INIT_XAVIER}},
                        fan_in = {.init = {.kind = TN_INIT_FAN_IN}};
    const struct {
        const char *param;
        double bound;
    } wanted[] = {{"c.weight", sqrt(6.0 / (16 * 9 + 24 * 9))},
                  {"c.bias", 1 / sqrt(16 * 9)},
                  {"d.weight", sqrt(6.0 / (48 + 200))},
                  {"d.bias", 1 / sqrt(48)}};
    net n;
    open_net(&n, "cpu");
    n.x = tn_input(n.g, "x", TN_F32, TN_SHAPE(1, 32, 3, 3));
    const tn_conv2d_opts conv = {
        .name = "c", .filters = 48, .kernel = {3}, .groups = 2, .weight = xavier, .bias = fan_in};
    const tn_dense_opts dense = {.name = "d", .units = 200, .weight = xavier, .bias = fan_in};
    const tn_value y = tn_dense(n.g, tn_conv2d(n.g, n.x, &conv), &dense);
    assert_ok(tn_plan_create(&n.plan, n.g, n.device, &(tn_plan_opts){.keep = &y, .num_keep = 1}));
    for (size_t i = 0; i < TN_COUNT(wanted); i++) {
        const double most = largest_of(&n, wanted[i].param);
        if (!(most <= wanted[i].bound && most > 0.9 * wanted[i].bound))
            fail_msg("%s: up to %g, not %g", wanted[i].param, most, wanted[i].bound);
    }
    close_net(&n);
}

/* Also where 0 is the default anyway. */
static void images_take_a_mean_of_0(void **state)
{
    (void)state;
    net n;
    uint8_t x[3] = {10, 20, 30};
    float y[3];
    open_net(&n, "cpu");
    n.x = tn_input(n.g, "x", TN_U8, TN_SHAPE(1, 1, 1, 3));
    const tn_image_input_opts opts = {.mean = {TN_ZERO, 5}, .scale = {2, TN_ZERO}};
    const tn_value v = tn_image_input(n.g, n.x, &opts);
    assert_ok(tn_plan_create(&n.plan, n.g, n.device, &(tn_plan_opts){.keep = &v, .num_keep = 1}));
    assert_ok(tn_plan_set(n.plan, n.x, (tn_tensor){TN_U8, TN_SHAPE(1, 1, 1, 3), x}));
    assert_ok(tn_plan_evaluate(n.plan));
    assert_ok(tn_plan_get(n.plan, v, (tn_tensor){TN_F32, TN_SHAPE(1, 3, 1, 1), y}));
    assert_true(y[0] == 20 && y[1] == 0 && y[2] == 30);
    close_net(&n);
}

static void a_rate_is_0_if_said_so(void **state)
{
    (void)state;
    const tn_rate zero = {.policy = TN_RATE_COSINE, .base = TN_ZERO, .steps = 100, .warmup = 5};
    assert_ok(tn_rate_check(&zero));
    assert_true(tn_rate_at(&zero, 0) == 0 && tn_rate_at(&zero, 50) == 0);
    /* One that nobody has checked is no number, and no update takes it. */
    const tn_rate none = {.policy = TN_RATE_STEP, .base = 1, .gamma = 0.1};
    assert_true(isnan(tn_rate_at(&none, 3)));
    assert_non_null(strstr(tn_error(), "period is 0"));
    assert_true(isnan(tn_rate_at(&(tn_rate){.policy = (tn_rate_policy)77, .base = 1}, 3)));
}

/* What may not be 0 does not become the default when 0 is said. */
static void what_may_not_be_0_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        tn_conv2d_opts conv;
    } cases[] = {
        {"stride is 0, not 1 or more", {.filters = 1, .kernel = {1}, .stride = {TN_ZERO}}},
        {"kernel is 0, not 1 or more", {.filters = 1, .kernel = {TN_ZERO}}},
        {"groups is 0", {.filters = 1, .kernel = {1}, .groups = TN_ZERO}},
        {"rate of weight is -1", {.filters = 1, .kernel = {1}, .weight = {.rate = -1}}},
        {"decay of bias is nan", {.filters = 1, .kernel = {1}, .bias = {.decay = NAN}}},
        {"init of weight is inf",
         {.filters = 1, .kernel = {1}, .weight = {.init = {TN_INIT_NORMAL, INFINITY}}}},
        {"99 is no way to start weight",
         {.filters = 1, .kernel = {1}, .weight = {.init = {(tn_init_kind)99, 0}}}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_conv2d(g, tn_input(g, "x", TN_F32, TN_SHAPE(1, 1, 4, 4)), &cases[i].conv);
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].says);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_keeps_type_and_value),
        cmocka_unit_test(pads_are_what_was_said),
        cmocka_unit_test(adam_takes_zeros),
        cmocka_unit_test(sgd_takes_zeros),
        cmocka_unit_test(batchnorm_takes_a_momentum_of_0),
        cmocka_unit_test(parameters_start_at_0),
        cmocka_unit_test(fans_are_what_the_layer_sums),
        cmocka_unit_test(images_take_a_mean_of_0),
        cmocka_unit_test(a_rate_is_0_if_said_so),
        cmocka_unit_test(what_may_not_be_0_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
