/* dense by tiles on the CPU: what fills its tiles stays 0, the same bits for any number of threads and
 * images, NaNs, and when it is taken. That it agrees with the formula: tests/layers/test_dense.c. */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "graph/plan_test.h"
#include "lab.h"

enum { INPUTS = 600, HIDDEN = 300, OUTPUTS = 270, MAX_IMAGES = 33 };
enum { WEIGHTS = HIDDEN * INPUTS + HIDDEN + OUTPUTS * HIDDEN + OUTPUTS };

/* Two layers of several chunks, the first with a relu. */
typedef struct net {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x, y, target;
    int64_t images;
} net;

static net build_with(const char *device, int64_t images, int64_t hidden, bool training)
{
    net n = {.images = images};
    assert_ok(tn_device_open(&n.device, device));
    assert_ok(tn_graph_create(&n.graph));
    n.x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(images, INPUTS));
    n.y = tn_dense(n.graph, n.x, &(tn_dense_opts){.name = "fc", .units = hidden});
    n.y = tn_dense(n.graph, tn_relu(n.graph, n.y), &(tn_dense_opts){.units = OUTPUTS});
    tn_plan_opts opts = {.keep = &n.y, .num_keep = 1, .seed = 1};
    if (training) {
        n.target = tn_input(n.graph, "t", TN_F32, TN_SHAPE(images, OUTPUTS));
        opts.loss = tn_mse(n.graph, n.y, n.target);
        opts.optim = tn_sgd(NULL);
        opts.clip_norm = 1e-3f;
        opts.input_gradients = true;
    }
    assert_ok(tn_plan_create(&n.plan, n.graph, n.device, &opts));
    return n;
}

static net build(const char *device, int64_t images, bool training)
{
    return build_with(device, images, HIDDEN, training);
}

static void drop(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->graph);
    tn_device_close(n->device);
}

static float *numbers(void)
{
    static float x[MAX_IMAGES * INPUTS];
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)(i * 7 % 31) / 31 - 0.4f;
    return x;
}

static void set_x(const net *n, float *x)
{
    assert_ok(tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, TN_SHAPE(n->images, INPUTS), x}));
}

static void train(const net *n)
{
    static float zero[MAX_IMAGES * OUTPUTS];
    const tn_tensor target = {TN_F32, TN_SHAPE(n->images, OUTPUTS), zero};
    assert_ok(tn_plan_poison(n->plan));
    set_x(n, numbers());
    assert_ok(tn_plan_set(n->plan, n->target, target));
    assert_ok(tn_plan_run(n->plan));
    assert_ok(tn_plan_update(n->plan, 0.1f));
}

/* All parameters, or their gradients. */
static void get_all(const net *n, tn_param_part part, float *to)
{
    size_t left = WEIGHTS;
    for (int i = 0; i < tn_plan_num_params(n->plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(n->plan, i, &info));
        const size_t own = (size_t)tn_elements(&info.shape);
        assert_true(own <= left);
        assert_ok(tn_plan_param_get(n->plan, i, part, (tn_tensor){TN_F32, info.shape, to}));
        to += own;
        left -= own;
    }
    assert_int_equal(left, 0);
}

/* y of an evaluation; fails if another kernel does it. */
static void evaluate(const net *n, float *x, float *y)
{
    tn_step_info step;
    int i = 0;
    do
        assert_ok(tn_plan_step(n->plan, i++, &step));
    while (strcmp(step.node, "fc") != 0);
    assert_non_null(strstr(step.kernel, "tiles 16x16:"));
    set_x(n, x);
    assert_ok(tn_plan_evaluate(n->plan));
    assert_ok(tn_plan_get(n->plan, n->y, (tn_tensor){TN_F32, TN_SHAPE(n->images, OUTPUTS), y}));
}

/* The norm of all gradients sees what fills tiles: 0 it has to be. */
static void leaves_what_fills_tiles_zero(void **unused)
{
    (void)unused;
    static float gradient[WEIGHTS];
    net n = build("cpu", 5, true);
    for (int step = 0; step < 2; step++) {
        float norm;
        double squares = 0;
        train(&n);
        get_all(&n, TN_PARAM_GRADIENT, gradient);
        for (size_t i = 0; i < WEIGHTS; i++)
            squares += (double)gradient[i] * (double)gradient[i];
        assert_ok(tn_plan_gradient_norm(n.plan, &norm));
        assert_true(squares > 0);
        assert_true(fabs((double)norm / sqrt(squares) - 1) < 1e-5);
    }
    drop(&n);
}

static void gives_the_same_bits_for_any_number_of_threads(void **unused)
{
    (void)unused;
    static float one[WEIGHTS], many[WEIGHTS];
    static float dx_one[MAX_IMAGES * INPUTS], dx_many[MAX_IMAGES * INPUTS];
    static const char *const devices[] = {"cpu,threads=1", "cpu,threads=2", "cpu,threads=3",
                                          "cpu,threads=8"};
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        net n = build(devices[i], MAX_IMAGES, true);
        train(&n);
        train(&n);
        get_all(&n, TN_PARAM_VALUE, i ? many : one);
        assert_ok(tn_plan_get_gradient(
            n.plan, n.x, (tn_tensor){TN_F32, TN_SHAPE(MAX_IMAGES, INPUTS), i ? dx_many : dx_one}));
        drop(&n);
        if (i) {
            assert_memory_equal(one, many, sizeof one);
            assert_memory_equal(dx_one, dx_many, sizeof dx_one);
        }
    }
}

static void other_images_change_no_bit(void **unused)
{
    (void)unused;
    static float few[MAX_IMAGES * OUTPUTS], all[MAX_IMAGES * OUTPUTS];
    net n = build("cpu", MAX_IMAGES, false);
    evaluate(&n, numbers(), all);
    drop(&n);
    for (int64_t images = 5; images < MAX_IMAGES; images += 7) {
        n = build("cpu", images, false);
        evaluate(&n, numbers(), few);
        drop(&n);
        assert_memory_equal(few, all, (size_t)(images * OUTPUTS) * sizeof *few);
    }
}

/* Behind a relu too, and in no other image. */
static void a_nan_reaches_its_results(void **unused)
{
    (void)unused;
    static float x[MAX_IMAGES * INPUTS], y[MAX_IMAGES * OUTPUTS];
    enum { IMAGE = 17 };
    memcpy(x, numbers(), sizeof x);
    x[IMAGE * INPUTS + INPUTS - 1] = NAN;
    net n = build("cpu", MAX_IMAGES, false);
    evaluate(&n, x, y);
    drop(&n);
    for (int i = 0; i < MAX_IMAGES * OUTPUTS; i++)
        assert_true((isnan(y[i]) != 0) == (i / OUTPUTS == IMAGE));
}

static void is_taken_by_the_rule(void **unused)
{
    (void)unused;
    static const struct {
        int64_t images, hidden; /* 0: as above */
        bool training;
        const char *refusals; /* its own; NULL: taken, or not asked */
        bool taken;
    } rules[] = {
        {.images = 4},
        {.images = 4, .training = true, .taken = true},
        {.images = 5, .taken = true},
        {.images = 128, .training = true, .taken = true},
        {.images = 5, .hidden = 64, .taken = true},
        {.images = 5, .hidden = 10, .taken = true},
        {.images = 128, .hidden = 64, .taken = true},
        {.images = 128, .hidden = 63, .refusals = "63 x 600 weights are few beside the images"},
        {.images = 129, .refusals = "dense fc: not by tiles: more than 128 images"},
        {.images = 129,
         .training = true,
         .refusals = "dense fc: not by tiles: more than 128 images"},
    };
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        const int64_t hidden = rules[i].hidden ? rules[i].hidden : HIDDEN;
        net n = build_with("cpu", rules[i].images, hidden, rules[i].training);
        tn_step_info step;
        int at = 0;
        do
            assert_ok(tn_plan_step(n.plan, at++, &step));
        while (strcmp(step.node, "fc") != 0);
        assert_true((strstr(step.kernel, "tiles 16x16:") != NULL) == rules[i].taken);
        if (rules[i].refusals)
            assert_non_null(strstr(step.refusals, rules[i].refusals));
        drop(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_what_fills_tiles_zero),
        cmocka_unit_test(gives_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(other_images_change_no_bit),
        cmocka_unit_test(a_nan_reaches_its_results),
        cmocka_unit_test(is_taken_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
