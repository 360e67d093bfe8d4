/* dense by tiles on the CPU: what fills its tiles stays 0, the same bits for any number of threads and
 * images, NaNs, and when it is taken. That it agrees with the formula: tests/layers/test_dense.c. */
#include <math.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "graph/op.h"
#include "lab_answers.h"
#include "lab_blocked.h"
#include "lab_rig.h"
#include "plan/plan_test.h"

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
    n.y = tn_dense(n.graph, tn_relu(n.graph, n.y, NULL), &(tn_dense_opts){.units = OUTPUTS});
    tn_plan_opts opts = {.keep = &n.y, .num_keep = 1, .seed = 1};
    if (training) {
        n.target = tn_input(n.graph, "t", TN_F32, TN_SHAPE(images, OUTPUTS));
        opts.loss = tn_mse(n.graph, n.y, n.target, NULL);
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

/* ---- x in blocks of channels -------------------------------------------------------------- */

typedef struct blocked_case {
    int64_t images, height, width;
    int channels;
} blocked_case;

typedef struct outcome {
    float *y, *dx, *dw;
    int reorders;
} outcome;

enum { GIVEN = 5, UNITS = 70 };

/* A step of dense behind a convolution; `flat`: with a flatten between, which asks for rows. */
static outcome run_behind_blocks(const blocked_case *c, bool flat)
{
    const tn_shape shape = TN_SHAPE(c->images, GIVEN, c->height, c->width);
    const tn_shape out = TN_SHAPE(c->images, UNITS), first = TN_SHAPE(c->channels, GIVEN, 1, 1);
    const int64_t count = tn_elements(&shape);
    float *x = lab_take(count, sizeof *x), *target = lab_take(c->images * UNITS, sizeof *target);
    outcome o = {lab_take(c->images * UNITS, sizeof(float)), lab_take(count, sizeof(float)),
                 lab_take(tn_elements(&first), sizeof(float)), 0};
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 7 % 31) / 31 - 0.4f;
    net n = {.images = c->images};
    assert_ok(tn_device_open(&n.device, "cpu,prefer=tiles"));
    assert_ok(tn_graph_create(&n.graph));
    n.x = tn_input(n.graph, "x", TN_F32, shape);
    n.target = tn_input(n.graph, "t", TN_F32, out);
    const tn_value v = lab_blocked(n.graph, n.x, c->channels);
    n.y = tn_dense(n.graph, flat ? tn_flatten(n.graph, v, NULL) : v,
                   &(tn_dense_opts){.name = "fc", .units = UNITS});
    const tn_plan_opts opts = {.loss = tn_mse(n.graph, n.y, n.target, NULL),
                               .keep = &n.y,
                               .num_keep = 1,
                               .input_gradients = true,
                               .seed = 1};
    assert_ok(tn_plan_create(&n.plan, n.graph, n.device, &opts));
    assert_int_equal(lab_runs(n.plan, "tiles 16x16:"), 2);
    for (int i = 0; i < tn_plan_num_steps(n.plan); i++) {
        tn_step_info step;
        assert_ok(tn_plan_step(n.plan, i, &step));
        o.reorders += strcmp(step.op, "reorder") == 0;
    }
    assert_ok(tn_plan_poison(n.plan));
    assert_ok(tn_plan_set(n.plan, n.x, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_set(n.plan, n.target, (tn_tensor){TN_F32, out, target}));
    assert_ok(tn_plan_run(n.plan));
    assert_ok(tn_plan_get(n.plan, n.y, (tn_tensor){TN_F32, out, o.y}));
    assert_ok(tn_plan_get_gradient(n.plan, n.x, (tn_tensor){TN_F32, shape, o.dx}));
    assert_ok(tn_plan_param_get(n.plan, tn_plan_find_param(n.plan, "first.weight"),
                                TN_PARAM_GRADIENT, (tn_tensor){TN_F32, first, o.dw}));
    drop(&n);
    free(x);
    free(target);
    return o;
}

static void free_outcome(outcome *o)
{
    free(o->y);
    free(o->dx);
    free(o->dw);
}

/* The convolution's gradients are made of all that dense gives back, padding too. */
static void reads_blocks_of_channels_as_it_reads_rows(void **unused)
{
    (void)unused;
    static const blocked_case cases[] = {
        {.images = 5, .height = 4, .width = 4, .channels = 50},
        {.images = 16, .height = 3, .width = 5, .channels = 16},
        {.images = 33, .height = 1, .width = 1, .channels = 67},
        {.images = 128, .height = 7, .width = 2, .channels = 9},
        {.images = 6, .height = 9, .width = 8, .channels = 1},
    };
    int spared = 0;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const blocked_case *c = &cases[i];
        outcome blocks = run_behind_blocks(c, false), rows = run_behind_blocks(c, true);
        const size_t pixels = (size_t)(c->images * GIVEN * c->height * c->width);
        assert_memory_equal(blocks.y, rows.y, (size_t)c->images * UNITS * sizeof(float));
        assert_memory_equal(blocks.dx, rows.dx, pixels * sizeof(float));
        assert_memory_equal(blocks.dw, rows.dw, (size_t)c->channels * GIVEN * sizeof(float));
        spared += rows.reorders - blocks.reorders;
        for (size_t j = 0; j < pixels; j++)
            assert_false(isnan(blocks.dx[j]));
        free_outcome(&blocks);
        free_outcome(&rows);
    }
    /* Without AVX2 oneDNN's convolutions here give rows themselves. */
    if (tn_cpu_isa_here() != TN_CPU_PORTABLE)
        assert_true(spared >= 2 * 4); /* a layer with one filter gives rows */
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
        cmocka_unit_test(reads_blocks_of_channels_as_it_reads_rows),
        cmocka_unit_test(is_taken_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
