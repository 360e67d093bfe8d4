/*
 * Training as a whole: networks learn, a run can be repeated bit for bit, gradients accumulate, and
 * clipping does what its formula says.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"

/* What the tests below run on, and in what. */
static const char *device_name = "cpu";
static tn_precision in = TN_PRECISION_F32;

/* A network in training: its input, its labels or target, and what is read. */
typedef struct trainer {
    tn_device *device;
    tn_graph *g;
    tn_value x, target;
    tn_loss loss;
    tn_plan *plan;
} trainer;

static void begin(trainer *t)
{
    *t = (trainer){0};
    assert_ok(tn_device_open(&t->device, device_name));
    assert_ok(tn_graph_create(&t->g));
}

static void finish(trainer *t)
{
    tn_plan_destroy(t->plan);
    tn_graph_destroy(t->g);
    tn_device_close(t->device);
}

static float loss_of(const trainer *t)
{
    float loss;
    assert_ok(tn_plan_get(t->plan, t->loss.loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

/* ---- XOR ---------------------------------------------------------------------------------- */

static void learns_xor(void)
{
    static const tn_param_opts wide = {.init = {TN_INIT_UNIFORM, 1}};
    float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, want[] = {0, 1, 1, 0};
    trainer t;
    begin(&t);
    t.x = tn_input(t.g, "x", TN_F32, TN_SHAPE(4, 2));
    t.target = tn_input(t.g, "want", TN_F32, TN_SHAPE(4, 1));
    tn_value y = tn_dense(t.g, t.x, &(tn_dense_opts){.units = 8, .weight = wide});
    y = tn_dense(t.g, tn_tanh(t.g, y, NULL), &(tn_dense_opts){.units = 1});
    t.loss.loss = tn_mse(t.g, y, t.target, NULL);
    assert_ok(tn_plan_create(&t.plan, t.g, t.device,
                             &(tn_plan_opts){.loss = t.loss.loss,
                                             .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                                             .precision = in,
                                             .seed = 1}));
    assert_ok(tn_plan_set(t.plan, t.x, (tn_tensor){TN_F32, TN_SHAPE(4, 2), x}));
    assert_ok(tn_plan_set(t.plan, t.target, (tn_tensor){TN_F32, TN_SHAPE(4, 1), want}));
    for (int i = 0; i < 500; i++) {
        assert_ok(tn_plan_run(t.plan));
        assert_ok(tn_plan_update(t.plan, 0.05F));
    }
    if (!(loss_of(&t) < 1e-3F))
        fail_msg("after 500 steps the loss is %g", (double)loss_of(&t));
    finish(&t);
}

/* ---- four patterns ------------------------------------------------------------------------ */

enum { ROWS = 32, SIDE = 8, PIXELS = SIDE * SIDE };

/* Stripes both ways, a chessboard, a diagonal; shifted at random, under noise. */
static void draw(float *x, int32_t *labels, int rows, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    for (int n = 0; n < rows; n++) {
        const int shift = (int)tn_random_below(&r, 4);
        labels[n] = n % 4;
        for (int i = 0; i < PIXELS; i++) {
            const int h = i / SIDE + shift, w = i % SIDE + shift;
            const bool on[4] = {h / 2 % 2 == 0, w / 2 % 2 == 0, (h / 2 + w / 2) % 2 == 0,
                                (h + w) % 4 < 2};
            x[n * PIXELS + i] = (on[n % 4] ? 1.0F : -1.0F) + (float)tn_random_normal(&r) * 0.2F;
        }
    }
}

typedef struct recipe {
    const char *why;
    tn_optim optim;
    float rate;
    int steps;
    int rows; /* 0: ROWS */
    int accumulate;
    float clip_norm;
    bool plain;    /* without dropout */
    uint64_t seed; /* 0: LAB_SEED */
} recipe;

static void build_patterns(trainer *t, const recipe *how)
{
    const int rows = how->rows ? how->rows : ROWS;
    begin(t);
    t->x = tn_input(t->g, "x", TN_F32, TN_SHAPE(rows, 1, SIDE, SIDE));
    t->target = tn_input(t->g, "labels", TN_I32, TN_SHAPE(rows));
    tn_value y = tn_conv2d(
        t->g, t->x, &(tn_conv2d_opts){.name = "conv", .filters = 8, .kernel = {3}, .pad = {1}});
    y = tn_pool2d(t->g, tn_relu(t->g, y, NULL), &(tn_pool2d_opts){.kernel = {2}});
    y = tn_relu(t->g, tn_dense(t->g, y, &(tn_dense_opts){.name = "fc1", .units = 16}), NULL);
    if (!how->plain)
        y = tn_dropout(t->g, y, &(tn_dropout_opts){.name = "drop", .rate = 0.2F});
    y = tn_dense(t->g, y, &(tn_dense_opts){.name = "fc2", .units = 4});
    t->loss = tn_softmax_xent(t->g, y, t->target, NULL);
    assert_ok(tn_plan_create(&t->plan, t->g, t->device,
                             &(tn_plan_opts){.loss = t->loss.loss,
                                             .optim = how->optim,
                                             .clip_norm = how->clip_norm,
                                             .accumulate = how->accumulate,
                                             .precision = in,
                                             .seed = how->seed ? how->seed : LAB_SEED}));
}

/* Batch number `index` of `rows` out of a drawing of ROWS, in turn. */
static void feed(const trainer *t, int rows, uint64_t drawing, int index)
{
    static float x[ROWS * PIXELS];
    static int32_t labels[ROWS];
    draw(x, labels, ROWS, drawing);
    const int first = index * rows % ROWS;
    assert_ok(tn_plan_set(t->plan, t->x,
                          (tn_tensor){TN_F32, TN_SHAPE(rows, 1, SIDE, SIDE), x + first * PIXELS}));
    assert_ok(tn_plan_set(t->plan, t->target, (tn_tensor){TN_I32, TN_SHAPE(rows), labels + first}));
}

static void train(trainer *t, const recipe *how)
{
    const int rows = how->rows ? how->rows : ROWS, runs = how->accumulate ? how->accumulate : 1;
    build_patterns(t, how);
    for (int step = 0; step < how->steps; step++) {
        for (int run = 0; run < runs; run++) {
            feed(t, rows, (uint64_t)step, run);
            assert_ok(tn_plan_run(t->plan));
        }
        assert_ok(tn_plan_update(t->plan, how->rate));
    }
}

static void learns_patterns(void)
{
    const recipe recipes[] = {
        {"sgd with momentum", tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}), 0.05F, 60},
        {"adam", tn_adam(NULL), 0.01F, 60},
        {"adamw, clipped", tn_adamw(&(tn_adam_opts){.weight_decay = 0.01F}), 0.01F, 60,
         .clip_norm = 1},
        {"sgd, two halves a step", tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}), 0.05F, 60,
         .rows = ROWS / 2, .accumulate = 2},
    };
    for (size_t i = 0; i < TN_COUNT(recipes); i++) {
        const int rows = recipes[i].rows ? recipes[i].rows : ROWS;
        trainer t;
        int32_t right;
        train(&t, &recipes[i]);
        feed(&t, rows, 1000, 0); /* a drawing that it has not seen */
        assert_ok(tn_plan_evaluate(t.plan));
        assert_ok(tn_plan_get(t.plan, t.loss.top_1, (tn_tensor){TN_I32, {0}, &right}));
        if (right != rows)
            fail_msg("%s: %d of %d are right after %d steps", recipes[i].why, right, rows,
                     recipes[i].steps);
        finish(&t);
    }
}

/* ---- parameters after a run --------------------------------------------------------------- */

enum { MOST = 8192 }; /* elements of all parameters here */

/* One part of all parameters, one after the other. */
static int64_t read_all(const trainer *t, int part, float *to)
{
    int64_t total = 0;
    for (int i = 0; i < tn_plan_num_params(t->plan); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(t->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        assert_true(total + count <= MOST);
        assert_ok(tn_plan_param_get(t->plan, i, part, (tn_tensor){TN_F32, info.shape, to + total}));
        total += count;
    }
    return total;
}

static int64_t train_and_read(const recipe *how, float *to)
{
    trainer t;
    train(&t, how);
    const int64_t count = read_all(&t, TN_PARAM_VALUE, to);
    finish(&t);
    return count;
}

static void same_seed_same_bits(void)
{
    static float one[MOST], two[MOST];
    recipe how = {.optim = tn_adam(NULL), .rate = 0.01F, .steps = 12};
    trainer first, second;
    train(&first, &how);
    train(&second, &how); /* while the first is there, so that addresses differ */
    const int64_t count = read_all(&first, TN_PARAM_VALUE, one);
    read_all(&second, TN_PARAM_VALUE, two);
    finish(&first);
    finish(&second);
    const bool repeats = strcmp(device_name, "cpu") == 0 || strstr(device_name, "deterministic=on");
    if (repeats)
        assert_memory_equal(one, two, (size_t)count * sizeof *one);
    how.seed = LAB_SEED + 1;
    train_and_read(&how, two);
    assert_memory_not_equal(one, two, (size_t)count * sizeof *one);
}

/* Two halves accumulated are the whole batch: the mean of means of equal size is the mean. */
static void halves_make_a_whole(void)
{
    static float whole[MOST], halves[MOST];
    static double want[MOST];
    recipe how = {.optim = tn_sgd(NULL), .rate = 0.1F, .steps = 3, .plain = true};
    const int64_t count = train_and_read(&how, whole);
    how.rows = ROWS / 2;
    how.accumulate = 2;
    train_and_read(&how, halves);
    for (int64_t i = 0; i < count; i++)
        want[i] = (double)whole[i];
    lab_assert_close("parameters", halves, want, count, 0);
}

/* w - rate g max_norm / (norm + 1e-6), by hand, from an unclipped run's gradient. */
static void clips_to_the_norm(void)
{
    static float w[MOST], g[MOST], after[MOST];
    static double want[MOST];
    recipe how = {.optim = tn_sgd(NULL), .rate = 0.5F, .plain = true};
    trainer t;
    build_patterns(&t, &how);
    feed(&t, ROWS, 0, 0);
    assert_ok(tn_plan_run(t.plan));
    int64_t count = read_all(&t, TN_PARAM_VALUE, w);
    read_all(&t, TN_PARAM_GRADIENT, g);
    finish(&t);
    double squares = 0;
    for (int64_t i = 0; i < count; i++)
        squares += (double)g[i] * (double)g[i];

    const double norm = sqrt(squares), limits[] = {norm / 10, norm * 2};
    for (size_t k = 0; k < TN_COUNT(limits); k++) {
        how.clip_norm = (float)limits[k];
        how.steps = 1;
        train(&t, &how);
        float told;
        assert_ok(tn_plan_gradient_norm(t.plan, &told));
        lab_assert_close("norm", &told, &norm, 1, 0);
        count = read_all(&t, TN_PARAM_VALUE, after);
        finish(&t);
        const double shrink = fmin(1, limits[k] / (norm + 1e-6));
        for (int64_t i = 0; i < count; i++)
            want[i] = (double)w[i] - 0.5 * shrink * (double)g[i];
        lab_assert_close("clipped parameters", after, want, count, 0);
    }
}

/* ---- on each device --------------------------------------------------------------------------- */

/* exact: in f32 alone. brief: under a sanitizer too, on a GPU. */
static void on_each(void (*test)(void), bool exact, bool brief)
{
    static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_BF16,
                                              TN_PRECISION_F16};
    for (const char *const *device = lab_devices(); *device; device++) {
        const bool cpu = strcmp(*device, "cpu") == 0;
        if (!cpu && !brief && LAB_SLOW)
            continue;
        for (size_t i = 0; i < (cpu || exact || LAB_SLOW ? 1 : TN_COUNT(precisions)); i++) {
            device_name = *device;
            in = precisions[i];
            print_message("%s, %s\n", device_name, tn_precision_name(in));
            test();
        }
    }
}

static void learns_xor_everywhere(void **unused)
{
    (void)unused;
    on_each(learns_xor, false, false);
}

static void learns_patterns_everywhere(void **unused)
{
    (void)unused;
    on_each(learns_patterns, false, false);
}

static void same_seed_same_bits_everywhere(void **unused)
{
    (void)unused;
    on_each(same_seed_same_bits, false, true);
}

static void halves_make_a_whole_everywhere(void **unused)
{
    (void)unused;
    on_each(halves_make_a_whole, true, true);
}

static void clips_to_the_norm_everywhere(void **unused)
{
    (void)unused;
    on_each(clips_to_the_norm, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_xor_everywhere),
        cmocka_unit_test(learns_patterns_everywhere),
        cmocka_unit_test(same_seed_same_bits_everywhere),
        cmocka_unit_test(halves_make_a_whole_everywhere),
        cmocka_unit_test(clips_to_the_norm_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
