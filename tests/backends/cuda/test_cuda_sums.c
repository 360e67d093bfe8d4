/*
 * A convolution whose cuDNN graph makes the sums that the batchnorm behind it begins with: what it learns is what the CPU learns,
 * also where sums would lose the variance, and where a batch has fewer rows; and nobody reads the convolution's y for it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab_op.h"

enum { N = 6, C = 8, SIDE = 6, FILTERS = 16, CLASSES = 3, X_COUNT = N * C * SIDE * SIDE };
enum { Y_COUNT = N * FILTERS * SIDE * SIDE };

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label, y;
} net;

typedef struct answer {
    float y[Y_COUNT], dx[X_COUNT], mean[FILTERS], var[FILTERS], dweight[FILTERS];
} answer;

static void open_net(net *n, const char *device, tn_precision precision)
{
    *n = (net){0};
    assert_ok(tn_device_open(&n->device, device));
    assert_ok(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(N, C, SIDE, SIDE));
    n->label = tn_input(n->g, "label", TN_I32, TN_SHAPE(N));
    const tn_conv2d_opts conv = {
        .name = "conv", .filters = FILTERS, .kernel = {3}, .pad = {1}, .no_bias = true};
    n->y = tn_batchnorm(n->g, tn_conv2d(n->g, n->x, &conv), &(tn_batchnorm_opts){.name = "bn"});
    tn_value v = tn_relu(n->g, n->y, NULL);
    v = tn_pool2d(n->g, v, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    v = tn_dense(n->g, v, &(tn_dense_opts){.units = CLASSES});
    const tn_loss loss = tn_softmax_xent(n->g, v, n->label, NULL);
    assert_ok(tn_plan_create(&n->plan, n->g, n->device,
                             &(tn_plan_opts){.loss = loss.loss,
                                             .keep = &n->y,
                                             .num_keep = 1,
                                             .input_gradients = true,
                                             .seed = 3,
                                             .precision = precision}));
}

static void close_net(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
    tn_device_close(n->device);
}

static void get_param(const net *n, const char *name, int part, float *to)
{
    for (int i = 0; i < tn_plan_num_params(n->plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(n->plan, i, &info));
        if (strcmp(info.node, "bn") == 0 && strcmp(info.name, name) == 0)
            assert_ok(
                tn_plan_param_get(n->plan, i, part, (tn_tensor){TN_F32, TN_SHAPE(FILTERS), to}));
    }
}

/* Of numbers that have 10 bits, as TF32 has: whole quarters around `mean`. */
static void learn(const char *device, tn_precision precision, float mean, int rows, answer *a)
{
    static float x[X_COUNT];
    int32_t label[N];
    net n;
    open_net(&n, device, precision);
    for (int i = 0; i < X_COUNT; i++)
        x[i] = mean + (float)(i * 7919 % 13 - 6) / (mean > 0 ? 1 : 4);
    for (int i = 0; i < N; i++)
        label[i] = i < rows ? i % CLASSES : -1;
    assert_ok(tn_plan_set(n.plan, n.x, (tn_tensor){TN_F32, TN_SHAPE(N, C, SIDE, SIDE), x}));
    assert_ok(tn_plan_set(n.plan, n.label, (tn_tensor){TN_I32, TN_SHAPE(N), label}));
    assert_ok(tn_plan_run(n.plan));
    assert_ok(
        tn_plan_get(n.plan, n.y, (tn_tensor){TN_F32, TN_SHAPE(N, FILTERS, SIDE, SIDE), a->y}));
    assert_ok(
        tn_plan_get_gradient(n.plan, n.x, (tn_tensor){TN_F32, TN_SHAPE(N, C, SIDE, SIDE), a->dx}));
    get_param(&n, "running_mean", TN_PARAM_VALUE, a->mean);
    get_param(&n, "running_var", TN_PARAM_VALUE, a->var);
    get_param(&n, "weight", TN_PARAM_GRADIENT, a->dweight);
    close_net(&n);
}

static void compare(const char *what, const float *got, const float *want, int count)
{
    double most = 0, worst = 0;
    for (int i = 0; i < count; i++) {
        most = fmax(most, fabs((double)want[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
    }
    if (!(worst <= 5e-3 * most)) /* weights have 10 bits, too */
        fail_msg("%s: off by %g of %g", what, worst, most);
}

/* The GPU to test on, without options. */
static const char *gpu(void)
{
    static char name[64];
    const char *second = lab_devices()[1];
    if (!second) {
        print_message("skipped: there is no GPU to test\n");
        skip();
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(second, ","), second);
    return name;
}

static void learns_what_the_cpu_learns(void **unused)
{
    static const struct {
        const char *why;
        float mean;
        int rows;
    } cases[] = {
        {"a full batch", 0, N},
        {"a mean of thousands of deviations", 1030, N},
        {"fewer rows", 0, N - 2},
    };
    static answer want, got;
    (void)unused;
    char with_sums[128];
    snprintf(with_sums, sizeof with_sums, "%s,sums=all", gpu());
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        learn("cpu", TN_PRECISION_F32, cases[i].mean, cases[i].rows, &want);
        learn(with_sums, TN_PRECISION_TF32, cases[i].mean, cases[i].rows, &got);
        compare("y", got.y, want.y, Y_COUNT);
        compare("running mean", got.mean, want.mean, FILTERS);
        compare("running var", got.var, want.var, FILTERS);
        compare("dweight", got.dweight, want.dweight, FILTERS);
        compare("dx", got.dx, want.dx, X_COUNT);
    }
}

/* Passes over y that batchnorm's forward makes. */
static void check_passes(const char *device, const char *options, tn_precision precision,
                         int passes)
{
    char name[128];
    net n;
    tn_step_info s;
    bool found = false;
    snprintf(name, sizeof name, "%s%s", device, options);
    open_net(&n, name, precision);
    for (int i = 0; i < tn_plan_num_steps(n.plan); i++) {
        assert_ok(tn_plan_step(n.plan, i, &s));
        if (s.pass != TN_PASS_FORWARD || strcmp(s.op, "batchnorm") != 0)
            continue;
        found = true;
        assert_int_equal((int)(s.read / (Y_COUNT * sizeof(float))), passes);
    }
    assert_true(found);
    close_net(&n);
}

static void reads_y_once(void **unused)
{
    (void)unused;
    const char *device = gpu();
    check_passes(device, ",sums=all", TN_PRECISION_TF32, 1);
    check_passes(device, "", TN_PRECISION_TF32, 2); /* so small a y is not worth compiling for */
    check_passes(device, ",sums=off", TN_PRECISION_TF32, 2);
    check_passes(device, ",sums=all,deterministic=on", TN_PRECISION_TF32, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_what_the_cpu_learns),
        cmocka_unit_test(reads_y_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
