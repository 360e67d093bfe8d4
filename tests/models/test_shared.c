/*
 * Parameters that several layers read, as their own or as any value, and constants: siamese towers, a layer used again
 * and again, weights that are summed up or held near given numbers, fixed filters. Gradients of the reference kernels
 * against central differences; everything else, groups and GPUs too, against the reference kernels.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"

enum { ROWS = 4, CHANNELS = 3, SIDE = 9, SMALL = 6, OUT = 5, MOST_PARAMS = 12, MOST = 1500 };

typedef tn_value (*net)(tn_graph *g, tn_value a, tn_value b);

static tn_value number(tn_graph *g, tn_shape shape, float scale)
{
    float x[MOST];
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 77);
    for (int64_t i = 0; i < tn_elements(&shape); i++)
        x[i] = scale * (2 * (float)tn_random_real(&r) - 1);
    return tn_constant(g, NULL, (tn_tensor){TN_F32, shape, x});
}

static tn_value w(tn_graph *g, const char *name)
{
    return tn_graph_value(g, name);
}

/* Two images of different sizes through the same filters; then the same neurons. */
static tn_value siamese(tn_graph *g, tn_value a, tn_value b)
{
    const tn_pool2d_opts all = {.kind = TN_POOL_MEAN, .global = true};
    a = tn_conv2d(g, a, &(tn_conv2d_opts){.name = "c", .filters = 8, .kernel = {3}, .pad = {1}});
    b = tn_conv2d(g, b,
                  &(tn_conv2d_opts){.filters = 8,
                                    .kernel = {3},
                                    .stride = {2},
                                    .weight = {.value = w(g, "c.weight")},
                                    .bias = {.value = w(g, "c.bias")}});
    a = tn_dense(g, tn_pool2d(g, tn_tanh(g, a, NULL), &all),
                 &(tn_dense_opts){.name = "d", .units = OUT});
    b = tn_dense(g, tn_flatten(g, tn_pool2d(g, tn_tanh(g, b, NULL), &all), NULL),
                 &(tn_dense_opts){.units = OUT,
                                  .weight = {.value = w(g, "d.weight")},
                                  .bias = {.value = w(g, "d.bias")}});
    return tn_add(g, a, tn_tanh(g, b, NULL), NULL);
}

/* One layer three times, as a recurrent net is unrolled. */
static tn_value again(tn_graph *g, tn_value a, tn_value b)
{
    const tn_param_opts near = {.init = {TN_INIT_UNIFORM, 0.5F}};
    const tn_value weight = tn_param(g, "again", TN_SHAPE(OUT, OUT), &near);
    a = tn_dense(g, a, &(tn_dense_opts){.units = OUT});
    b = tn_dense(g, b, &(tn_dense_opts){.units = OUT});
    for (int i = 0; i < 3; i++)
        a = tn_add(
            g, b,
            tn_tanh(g,
                    tn_dense(g, a,
                             &(tn_dense_opts){
                                 .units = OUT, .no_bias = true, .weight = {.value = weight}}),
                    NULL),
            NULL);
    return a;
}

/* Filters that do not learn, from a constant, in two convolutions; and batchnorms that share what they learn. */
static tn_value fixed(tn_graph *g, tn_value a, tn_value b)
{
    const tn_value filters = number(g, TN_SHAPE(6, CHANNELS, 3, 3), 0.5F);
    const tn_conv2d_opts conv = {
        .filters = 6, .kernel = {3}, .weight = {.value = filters}, .no_bias = true};
    a = tn_batchnorm(g, tn_conv2d(g, a, &conv), &(tn_batchnorm_opts){.name = "bn"});
    b = tn_batchnorm(g, tn_conv2d(g, b, &conv),
                     &(tn_batchnorm_opts){.weight = {.value = w(g, "bn.weight")},
                                          .bias = {.value = w(g, "bn.bias")}});
    a = tn_dense(g, tn_tanh(g, a, NULL), &(tn_dense_opts){.units = OUT});
    b = tn_dense(g, tn_tanh(g, b, NULL), &(tn_dense_opts){.units = OUT});
    return tn_add(g, a, b, NULL);
}

/* Weights as values: read by their layer, added up, and held near a constant that stands on either side. */
static tn_value penalty(tn_graph *g, tn_value loss)
{
    const tn_shape shape = TN_SHAPE(4, CHANNELS, 3, 3);
    const tn_value near = number(g, shape, 3);
    const tn_value sum = tn_add(g, w(g, "left.weight"), w(g, "right.weight"), NULL);
    loss = tn_add(g, loss, tn_mse(g, tn_add(g, sum, near, NULL), number(g, shape, 1), NULL), NULL);
    return tn_add(g, tn_mse(g, near, tn_add(g, near, w(g, "left.weight"), NULL), NULL), loss, NULL);
}

static tn_value summed(tn_graph *g, tn_value a, tn_value b)
{
    a = tn_conv2d(g, a, &(tn_conv2d_opts){.name = "left", .filters = 4, .kernel = {3}});
    b = tn_conv2d(g, b, &(tn_conv2d_opts){.name = "right", .filters = 4, .kernel = {3}});
    a = tn_dense(g, tn_sigmoid(g, a, NULL), &(tn_dense_opts){.units = OUT});
    return tn_add(g, a, tn_dense(g, tn_sigmoid(g, b, NULL), &(tn_dense_opts){.units = OUT}), NULL);
}

/* A scale of each channel and a shift of each pixel, which two branches read as inputs that are broadcast. */
static tn_value scaled(tn_graph *g, tn_value a, tn_value b)
{
    const tn_param_opts near = {.init = {TN_INIT_UNIFORM, 1}};
    const tn_value scale = tn_param(g, "scale", TN_SHAPE(4, 1, 1), &near);
    const tn_value shift = tn_param(g, "shift", TN_SHAPE(4, 4), &near);
    a = tn_conv2d(g, a, &(tn_conv2d_opts){.filters = 4, .kernel = {3}, .stride = {2}});
    b = tn_conv2d(g, b, &(tn_conv2d_opts){.filters = 4, .kernel = {3}});
    a = tn_mul(g, tn_sigmoid(g, tn_add(g, shift, a, NULL), NULL), scale, NULL);
    b = tn_add(g, tn_mul(g, scale, tn_sigmoid(g, b, NULL), NULL), shift, NULL);
    a = tn_dense(g, a, &(tn_dense_opts){.units = OUT});
    return tn_add(g, a, tn_dense(g, b, &(tn_dense_opts){.units = OUT}), NULL);
}

static const struct {
    net build;
    tn_value (*also)(tn_graph *g, tn_value loss);
    const char *why;
} nets[] = {
    {siamese, NULL, "two towers with the same filters and the same neurons"},
    {again, NULL, "one layer three times"},
    {fixed, NULL, "filters that are a constant, batchnorms with the same weights"},
    {scaled, NULL, "parameters as inputs that are broadcast"},
    {summed, penalty, "weights as inputs, before and behind constants"},
};

typedef struct built {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value loss;
    tn_value in[3];
} built;

static const tn_shape shapes[3] = {
    {4, {ROWS, CHANNELS, SIDE, SIDE}}, {4, {ROWS, CHANNELS, SMALL, SMALL}}, {2, {ROWS, OUT}}};

static tn_status set_inputs(const built *b)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 78);
    for (int i = 0; i < 3; i++) {
        float x[ROWS * CHANNELS * SIDE * SIDE];
        for (int64_t k = 0; k < tn_elements(&shapes[i]); k++)
            x[k] = 2 * (float)tn_random_real(&r) - 1;
        TN_TRY(tn_plan_set(b->plan, b->in[i], (tn_tensor){TN_F32, shapes[i], x}));
    }
    return TN_OK;
}

static tn_status open_net(built *b, size_t number, const char *device, tn_plan_opts opts)
{
    static const char *const names[] = {"a", "b", "target"};
    TN_TRY(tn_device_open(&b->device, device));
    TN_TRY(tn_graph_create(&b->g));
    for (int i = 0; i < 3; i++)
        b->in[i] = tn_input(b->g, names[i], TN_F32, shapes[i]);
    b->loss = tn_mse(b->g, nets[number].build(b->g, b->in[0], b->in[1]), b->in[2], NULL);
    if (nets[number].also)
        b->loss = nets[number].also(b->g, b->loss);
    opts.loss = b->loss;
    opts.seed = 3;
    TN_TRY(tn_plan_create(&b->plan, b->g, b->device, &opts));
    return set_inputs(b);
}

static void close_net(built *b)
{
    tn_plan_destroy(b->plan);
    tn_graph_destroy(b->g);
    tn_device_close(b->device);
    *b = (built){0};
}

static float run(const built *b)
{
    float loss = NAN;
    assert_ok(tn_plan_run(b->plan));
    assert_ok(tn_plan_get(b->plan, b->loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

static int64_t read_param(const built *b, int index, int part, float *to)
{
    tn_param_info info;
    assert_ok(tn_plan_param(b->plan, index, &info));
    assert_true(tn_elements(&info.shape) <= MOST);
    assert_ok(tn_plan_param_get(b->plan, index, part, (tn_tensor){TN_F32, info.shape, to}));
    return tn_elements(&info.shape);
}

/* Of a parameter, moved along `way`: the differential quotient, and what its gradient says. Several ways for each, as
 * one loss in f32 has few digits, and each element for itself would take long. */
static void check_param(const built *b, int index)
{
    enum { WAYS = 4 };
    const float step = 1.0F / 64;
    float gradient[MOST], at[MOST], to[MOST], loss[2];
    tn_param_info info;
    assert_ok(tn_plan_param(b->plan, index, &info));
    run(b);
    const int64_t count = read_param(b, index, TN_PARAM_GRADIENT, gradient);
    read_param(b, index, TN_PARAM_VALUE, at);
    for (int way = 0; way < WAYS; way++) {
        double want = 0, size = 0;
        for (int side = 0; side < 2; side++) {
            tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 80 + (uint64_t)way);
            for (int64_t i = 0; i < count; i++) {
                const float along = tn_random_below(&r, 2) ? 1 : -1;
                to[i] = at[i] + (side ? step : -step) * along;
                want += side ? (double)(along * gradient[i]) : 0;
                size += side ? fabs((double)gradient[i]) : 0;
            }
            assert_ok(tn_plan_param_set(b->plan, index, 0, (tn_tensor){TN_F32, info.shape, to}));
            loss[side] = run(b);
        }
        const double got = (double)(loss[1] - loss[0]) / (2 * (double)step);
        if (!(fabs(got - want) <= 2e-3 * (0.01 + size)))
            fail_msg("%s: along a way the loss changes by %g, the gradient says %g (of %g)",
                     info.full_name, got, want, size);
    }
    assert_ok(tn_plan_param_set(b->plan, index, 0, (tn_tensor){TN_F32, info.shape, at}));
}

static void gradients_are_differences(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TN_COUNT(nets); i++) {
        built b = {0};
        print_message("%s\n", nets[i].why);
        assert_ok(open_net(&b, i, "cpu,reference", (tn_plan_opts){0}));
        for (int k = 0; k < tn_plan_num_params(b.plan); k++) {
            tn_param_info info;
            assert_ok(tn_plan_param(b.plan, k, &info));
            if (info.trained)
                check_param(&b, k);
        }
        close_net(&b);
    }
}

/* ---- every device gives the same ------------------------------------------------------------ */

typedef struct answers {
    float loss, x[MOST_PARAMS][MOST];
    int64_t count[MOST_PARAMS];
    int params;
} answers;

/* After an update or two, so that copies in half precision have to keep up; all memory is poisoned. */
static void answer(const built *b, answers *a)
{
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_plan_run(b->plan));
        assert_ok(tn_plan_update(b->plan, 0.05F));
    }
    a->loss = run(b);
    a->params = tn_plan_num_params(b->plan);
    assert_true(a->params <= MOST_PARAMS);
    for (int i = 0; i < a->params; i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(b->plan, i, &info));
        a->count[i] = read_param(b, i, info.trained ? TN_PARAM_GRADIENT : TN_PARAM_VALUE, a->x[i]);
    }
}

static double norm(const float *x, const float *less, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += pow((double)x[i] - (less ? (double)less[i] : 0), 2);
    return sqrt(sum);
}

static void compare(size_t number, const char *device, tn_precision precision, tn_plan_opts opts,
                    const answers *want)
{
    built b = {0};
    static answers got;
    const double allowed = precision == TN_PRECISION_BF16  ? 0.06
                           : precision == TN_PRECISION_F16 ? 0.01
                                                           : 1e-4;
    opts.precision = precision;
    opts.loss_scale = 128;
    opts.optim = tn_sgd(NULL);
    assert_ok(open_net(&b, number, device, opts));
    answer(&b, &got);
    assert_int_equal(got.params, want->params);
    const double off = fabs((double)got.loss - (double)want->loss);
    if (!(off <= allowed * (double)want->loss))
        fail_msg("%s on %s, %s: the loss is off by %g of %g", nets[number].why, device,
                 tn_precision_name(precision), off, (double)want->loss);
    for (int i = 0; i < got.params; i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(b.plan, i, &info));
        const double all = norm(want->x[i], NULL, want->count[i]);
        const double away = norm(want->x[i], got.x[i], want->count[i]);
        if (!(away <= allowed * (all + 0.1)))
            fail_msg("%s on %s, %s: %s is off by %g of %g", nets[number].why, device,
                     tn_precision_name(precision), info.full_name, away, all);
    }
    close_net(&b);
}

static void devices_agree(void **unused)
{
    (void)unused;
    static const char *const cpus[] = {"cpu,threads=1", "cpu,threads=2,prefer=first",
                                       "cpu,threads=2,prefer=tiles",
                                       "cpu,threads=2,prefer=winograd", "cpu:0-1"};
    static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_BF16,
                                              TN_PRECISION_F16};
    static answers want;
    for (size_t i = 0; i < TN_COUNT(nets); i++) {
        built b = {0};
        print_message("%s\n", nets[i].why);
        assert_ok(open_net(&b, i, "cpu,reference", (tn_plan_opts){.optim = tn_sgd(NULL)}));
        answer(&b, &want);
        close_net(&b);
        for (size_t k = 0; k < TN_COUNT(cpus); k++)
            if (!strstr(cpus[k], "prefer=") || lab_can_prefer())
                compare(i, cpus[k], TN_PRECISION_F32, (tn_plan_opts){.sync_batchnorm = true},
                        &want);
        compare(i, "cpu", TN_PRECISION_F32, (tn_plan_opts){.no_fusion = true}, &want);
        for (const char *const *device = lab_devices() + 1; *device; device++)
            for (size_t k = 0; k < TN_COUNT(precisions); k++)
                compare(i, *device, precisions[k], (tn_plan_opts){0}, &want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(devices_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
