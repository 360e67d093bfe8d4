/*
 * Averages of parameters: PyTorch's numbers, used and put back, saved and gone on with.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/model.h>

#include "lab_set.h"
#include "run/lab_guarded.h"

static const char *const names[] = {"fc1.weight", "fc1.bias",          "norm.weight",
                                    "norm.bias",  "norm.running_mean", "norm.running_var",
                                    "fc2.weight", "fc2.bias"};

static tn_plan_opts momentum(double ema, bool warmup)
{
    return (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                          .loss_scale = 1024,
                          .ema = ema,
                          .ema_warmup = warmup};
}

/* Of a line "w 1 0.25 ...", in the order of `names`, all parameters. */
static void read_line(FILE *f, char what, int step, float *to)
{
    static char line[1 << 14];
    assert_non_null(fgets(line, sizeof line, f));
    char *at = line + 1;
    assert_true(line[0] == what && strtol(at, &at, 10) == step);
    for (char *end; *at; at = end) {
        *to++ = strtof(at, &end);
        if (end == at)
            break;
    }
}

static void move_params(const lab_guarded *s, bool set, int part, float *numbers)
{
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        tn_param_info info;
        int64_t count;
        const int index = tn_plan_find_param(s->plan, names[i]);
        assert_ok(tn_plan_param(s->plan, index, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        const tn_tensor host = {TN_F32, info.shape, numbers};
        assert_ok(set ? tn_plan_param_set(s->plan, index, part, host)
                      : tn_plan_param_get(s->plan, index, part, host));
        numbers += count;
    }
}

/* Parameters are given, and an update with a rate of 0 averages them. */
static void averages_are_those_of_pytorch(void **unused)
{
    (void)unused;
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        FILE *f = fopen(lab_golden("ema.txt"), "r");
        lab_guarded s;
        assert_non_null(f);
        lab_guarded_open(&s, kind, momentum(0.9, false));
        for (int step = 1; step <= 6; step++) {
            float w[GUARDED_MOST] = {0}, want[GUARDED_MOST] = {0}, got[GUARDED_MOST] = {0};
            read_line(f, 'w', step, w);
            read_line(f, 'a', step, want);
            lab_guarded_set(&s, step, false);
            assert_ok(tn_plan_run(s.plan)); /* which moves the statistics */
            move_params(&s, true, TN_PARAM_VALUE, w);
            assert_ok(tn_plan_update(s.plan, 0));
            move_params(&s, false, TN_PARAM_AVERAGE, got);
            for (int i = 0; i < GUARDED_MOST; i++)
                if (!(fabsf(got[i] - want[i]) <= 4e-7F * (1 + fabsf(want[i]))))
                    fail_msg("%s, step %d: number %d is %.9g, not %.9g", kind->device, step, i,
                             (double)got[i], (double)want[i]);
        }
        lab_guarded_close(&s);
        fclose(f);
    }
}

/* d = (1 + t) / (10 + t): 2 / 11, 3 / 12, ... until it is more than the decay. */
static void the_decay_warms_up(void **unused)
{
    (void)unused;
    static const double d[] = {0, 2 / 11., 3 / 12., 0.3, 0.3, 0.3};
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        static double want[GUARDED_MOST];
        static float w[GUARDED_MOST], got[GUARDED_MOST];
        lab_guarded s;
        lab_guarded_open(&s, kind, momentum(0.3, true));
        for (int t = 0; t < (int)TN_COUNT(d); t++) {
            lab_guarded_step(&s, t, false);
            const size_t count = lab_guarded_params(&s, TN_PARAM_VALUE, w);
            assert_int_equal(lab_guarded_params(&s, TN_PARAM_AVERAGE, got), count);
            for (size_t i = 0; i < count; i++) {
                want[i] = d[t] * want[i] + (1 - d[t]) * (double)w[i];
                assert_true(fabs((double)got[i] - want[i]) <= 1e-6 * (1 + fabs(want[i])));
            }
        }
        lab_guarded_close(&s);
    }
}

static void evaluate(const lab_guarded *s, float *logits)
{
    lab_guarded_set(s, 77, false);
    assert_ok(tn_plan_evaluate(s->plan));
    const tn_shape shape = TN_SHAPE(GUARDED_ROWS, GUARDED_CLASSES);
    assert_ok(tn_plan_get(s->plan, s->logits, (tn_tensor){TN_F32, shape, logits}));
}

/* Six steps, in the middle of which somebody evaluates with the averages. */
static void train(const lab_kind *kind, bool uses, lab_state *state)
{
    enum { LOGITS = GUARDED_ROWS * GUARDED_CLASSES };
    const tn_plan_opts opts = momentum(0.9, true);
    float own[LOGITS], averaged[LOGITS], again[LOGITS], other[LOGITS];
    static float average[GUARDED_MOST];
    lab_guarded s, t;
    lab_guarded_open(&s, kind, opts);
    if (uses) { /* before the first update they are the parameters */
        evaluate(&s, own);
        assert_ok(tn_plan_use_average(s.plan, true));
        evaluate(&s, averaged);
        assert_ok(tn_plan_use_average(s.plan, false));
        assert_memory_equal(own, averaged, sizeof own);
    }
    for (int i = 0; i < 6; i++) {
        lab_guarded_step(&s, i, false);
        if (i != 3)
            continue;
        evaluate(&s, own);
        move_params(&s, false, TN_PARAM_AVERAGE, average);
        if (!uses)
            continue;
        assert_ok(tn_plan_use_average(s.plan, true));
        assert_ok(tn_plan_use_average(s.plan, true));
        evaluate(&s, averaged);
        assert_ok(tn_plan_use_average(s.plan, false));
        evaluate(&s, again);
        assert_memory_equal(own, again, sizeof own);
        assert_memory_not_equal(own, averaged, sizeof own);
        lab_guarded_open(&t, kind, (tn_plan_opts){0});
        move_params(&t, true, TN_PARAM_VALUE, average);
        evaluate(&t, other);
        lab_guarded_close(&t);
        assert_memory_equal(averaged, other, sizeof other);
    }
    lab_guarded_state(&s, &opts, 1, state);
    lab_guarded_close(&s);
}

static void averages_are_used_and_put_back(void **unused)
{
    (void)unused;
    static lab_state want, got;
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        train(kind, false, &want);
        train(kind, true, &got);
        assert_true(got.averages == got.values && got.slots > 0);
        assert_memory_equal(&want, &got, sizeof want);
    }
}

/* In the middle a file, and another plan that goes on with it; one update was left out before. */
static void a_run_goes_on_with_its_averages(void **unused)
{
    (void)unused;
    static lab_state want, got;
    const char *folder = lab_make_folder();
    const char *path = lab_path(folder, "x.safetensors");
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        tn_plan_opts opts = momentum(0.95, true);
        opts.guard = true;
        lab_guarded s;
        int64_t skipped;
        float logits[2][GUARDED_ROWS * GUARDED_CLASSES]; /* of all ranks' rows */
        lab_guarded_open(&s, kind, opts);
        for (int i = 0; i < 8; i++) {
            lab_guarded_step(&s, i, i == 1);
            if (i == 4)
                assert_ok(tn_checkpoint_save(s.plan, path, NULL, 0));
        }
        lab_guarded_state(&s, &opts, 1, &want);
        assert_ok(tn_plan_use_average(s.plan, true));
        evaluate(&s, logits[0]);
        lab_guarded_close(&s);
        opts.seed = 99;
        lab_guarded_open(&s, kind, opts);
        assert_ok(tn_checkpoint_load(s.plan, path, TN_LOAD_RESUME));
        assert_ok(tn_plan_skipped(s.plan, &skipped));
        assert_int_equal(skipped, 1);
        for (int i = 5; i < 8; i++)
            lab_guarded_step(&s, i, false);
        lab_guarded_state(&s, &opts, 1, &got);
        assert_memory_equal(&want, &got, sizeof want);
        assert_ok(tn_plan_use_average(s.plan, true));
        evaluate(&s, logits[1]);
        assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
        lab_guarded_close(&s);
    }
    lab_remove(folder);
}

static void files_have_averages_where_they_should(void **unused)
{
    (void)unused;
    static float average[GUARDED_MOST], numbers[GUARDED_MOST];
    const char *folder = lab_make_folder();
    const char *whole = lab_path(folder, "run.safetensors");
    const char *weights = lab_path(folder, "model.safetensors");
    const lab_kind *kind = lab_kind_here(0);
    lab_guarded s, t;
    tn_model *m = NULL;
    lab_guarded_open(&s, kind, momentum(0.9, false));
    for (int i = 0; i < 4; i++)
        lab_guarded_step(&s, i, false);
    assert_ok(tn_checkpoint_save(s.plan, whole, NULL, 0));
    lab_guarded_params(&s, TN_PARAM_AVERAGE, average);

    /* A plan without averages goes on from it; one with them not from a file without. */
    lab_guarded_open(&t, kind, momentum(0, false));
    assert_ok(tn_checkpoint_load(t.plan, whole, TN_LOAD_RESUME));
    assert_ok(tn_checkpoint_save(t.plan, weights, NULL, 0));
    lab_guarded_close(&t);
    assert_fails(tn_checkpoint_load(s.plan, weights, TN_LOAD_RESUME), TN_ERR_SHAPE,
                 "has no tensor ema.fc1.weight");
    assert_ok(tn_model_open(&m, whole, NULL));
    for (int i = 0; tn_model_tensor(m, i, NULL); i++)
        assert_null(strstr(tn_model_tensor(m, i, NULL), "ema."));
    tn_model_close(m);

    assert_ok(tn_plan_use_average(s.plan, true));
    assert_ok(tn_checkpoint_save_params(s.plan, weights, NULL, 0));
    lab_guarded_params(&s, TN_PARAM_AVERAGE, numbers);
    assert_memory_equal(numbers, average, sizeof average);
    lab_guarded_open(&t, kind, (tn_plan_opts){0});
    assert_ok(tn_checkpoint_load(t.plan, weights, TN_LOAD_PARAMS));
    lab_guarded_params(&t, TN_PARAM_VALUE, numbers);
    assert_memory_equal(numbers, average, sizeof average);
    lab_guarded_close(&t);
    lab_guarded_close(&s);
    lab_remove(folder);
}

static void nothing_trains_while_averages_are_used(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "cpu:0-1"};
    double seconds[64];
    float w[3];
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        const lab_kind kind = {devices[i], TN_PRECISION_F32};
        const char *in_use = "averages of its parameters are in use";
        lab_guarded s;
        lab_guarded_open(&s, &kind, momentum(0.9, false));
        lab_guarded_step(&s, 0, false);
        assert_ok(tn_plan_use_average(s.plan, true));
        assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, in_use);
        assert_fails(tn_plan_update(s.plan, 1), TN_ERR_ARGUMENT, in_use);
        assert_fails(tn_plan_profile(s.plan, 1, seconds), TN_ERR_ARGUMENT, in_use);
        assert_fails(tn_checkpoint_save(s.plan, "x", NULL, 0), TN_ERR_ARGUMENT, in_use);
        assert_fails(tn_checkpoint_load(s.plan, "x", TN_LOAD_RESUME), TN_ERR_ARGUMENT, in_use);
        assert_ok(tn_plan_use_average(s.plan, false));
        lab_guarded_step(&s, 1, false);
        lab_guarded_close(&s);
        lab_guarded_open(&s, &kind, (tn_plan_opts){0});
        assert_fails(tn_plan_use_average(s.plan, true), TN_ERR_ARGUMENT, "needs opts.ema");
        assert_fails(
            tn_plan_param_get(s.plan, 1, TN_PARAM_AVERAGE, (tn_tensor){TN_F32, TN_SHAPE(3), w}),
            TN_ERR_ARGUMENT, "the plan keeps no part -2 of it");
        lab_guarded_close(&s);
    }
}

/* A plan that has the weights of the one that trains evaluates what that uses. */
static void plans_with_the_same_weights_see_them(void **unused)
{
    (void)unused;
    enum { LOGITS = GUARDED_ROWS * GUARDED_CLASSES };
    float own[LOGITS], averaged[LOGITS];
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        tn_plan_opts opts = momentum(0.9, false);
        lab_guarded s, t;
        if (strchr(kind->device, '-')) /* groups have none in common */
            continue;
        assert_ok(tn_weights_create(&opts.weights));
        lab_guarded_open(&s, kind, opts);
        t = s;
        assert_ok(tn_plan_create(&t.plan, s.g, s.device,
                                 &(tn_plan_opts){.keep = &s.logits,
                                                 .num_keep = 1,
                                                 .weights = opts.weights,
                                                 .precision = kind->precision}));
        for (int i = 0; i < 3; i++)
            lab_guarded_step(&s, i, false);
        for (int use = 1; use >= 0; use--) {
            float x[GUARDED_ROWS * GUARDED_WIDE];
            assert_ok(tn_plan_use_average(s.plan, use));
            evaluate(&s, own);
            const tn_tensor in = {TN_F32, TN_SHAPE(GUARDED_ROWS, GUARDED_WIDE), x};
            const tn_tensor out = {TN_F32, TN_SHAPE(GUARDED_ROWS, GUARDED_CLASSES), averaged};
            assert_ok(tn_plan_get(s.plan, s.x, in));
            assert_ok(tn_plan_set(t.plan, s.x, in));
            assert_ok(tn_plan_evaluate(t.plan));
            assert_ok(tn_plan_get(t.plan, s.logits, out));
            assert_memory_equal(own, averaged, sizeof own);
        }
        tn_plan_destroy(t.plan);
        lab_guarded_close(&s);
        tn_weights_destroy(opts.weights);
    }
}

static void memory_is_counted(void **unused)
{
    (void)unused;
    size_t bytes[3];
    for (int i = 0; i < 3; i++) {
        tn_plan_opts opts = momentum(i == 1 ? 0.9 : 0, false);
        opts.guard = i == 2;
        lab_guarded s;
        lab_guarded_open(&s, lab_kind_here(0), opts);
        bytes[i] = tn_plan_memory(s.plan).optimizer;
        lab_guarded_close(&s);
    }
    assert_true(bytes[1] >= 2 * bytes[0]);
    assert_true(bytes[2] > bytes[0] && bytes[2] <= bytes[0] + 2 * 512 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_are_those_of_pytorch),
        cmocka_unit_test(the_decay_warms_up),
        cmocka_unit_test(averages_are_used_and_put_back),
        cmocka_unit_test(a_run_goes_on_with_its_averages),
        cmocka_unit_test(files_have_averages_where_they_should),
        cmocka_unit_test(nothing_trains_while_averages_are_used),
        cmocka_unit_test(plans_with_the_same_weights_see_them),
        cmocka_unit_test(memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
