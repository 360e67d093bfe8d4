/*
 * Opening a GPU, and everything that can go wrong on one: each call that fails is an error that names it,
 * nothing is left behind, and what a kernel finds wrong reaches the program.
 */
#define _POSIX_C_SOURCE 200809L /* fork */

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/cuda/lab_small.h"
#include "lab_sim.h"

static void options_are_checked(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const struct {
        const char *name;
        tn_status status;
        const char *says;
    } cases[] = {
        {"sim:8", TN_ERR_DEVICE, "sim:8: there are 8 GPUs"},
        {"sim:0,cudnn", TN_ERR_ARGUMENT, "option cudnn has no value: off|on|all is wanted"},
        {"sim:0,cudnn=yes", TN_ERR_ARGUMENT, "option cudnn=yes: off|on|all is wanted"},
        {"sim:0,speed=9", TN_ERR_ARGUMENT,
         "sim: option \"speed=9\" is none of cudnn=off|on|all, workspace=0...2147483647 MiB, "
         "deterministic=on|off, autotune=on|off, sums=off|on|all, graph=on|off, sync=on|off, "
         "gpu=NAME or FILE"},
        {"sim:0,workspace=lots", TN_ERR_ARGUMENT,
         "option workspace=lots: 0...2147483647 MiB is wanted"},
        {"sim:0,workspace=-1", TN_ERR_ARGUMENT, "option workspace=-1: 0..."},
        {"sim:0,deterministic=on,autotune=on", TN_ERR_ARGUMENT, "not with deterministic=on"},
        {"sim:0,sync=on,graph=off,sync=off", TN_ERR_ARGUMENT, "option sync is there twice"},
        {"sim:0,sync=on,", TN_ERR_ARGUMENT, "no option follows the last comma"},
        {"sim,gpu=", TN_ERR_ARGUMENT, "option gpu=: NAME or FILE is wanted"},
        {"sim,gpu=h999", TN_ERR_ARGUMENT, "gpu=h999: neither one that is known (a100, b200, h100"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_device *d = NULL;
        assert_fails(tn_device_open(&d, cases[i].name), cases[i].status, cases[i].says);
        assert_null(d);
    }
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "sim:0"));
    assert_non_null(strstr(tn_device_describe(d), "H100"));
    assert_non_null(strstr(tn_device_describe(d), "cuDNN 9."));
    assert_non_null(strstr(tn_device_describe(d), "computes in tf32"));
    size_t total, unused_bytes;
    assert_ok(tn_device_memory(d, &total, &unused_bytes));
    assert_true(unused_bytes <= total && unused_bytes > 0);
    tn_device_close(d);
    assert_ok(tn_device_open(&d, "sim:1,cudnn=off"));
    assert_non_null(strstr(tn_device_describe(d), "cuDNN off"));
    tn_device_close(d);
    sim->check_leaks();
}

static void each_lack_of_a_gpu_is_told_apart(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const struct {
        int error;
        const char *says;
    } cases[] = {{34, "stub"}, {35, "driver"}, {100, "no CUDA-capable device"}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_device *d = NULL;
        sim->set_count_error(cases[i].error);
        assert_fails(tn_device_open(&d, "sim:0"), TN_ERR_DEVICE, "there is no GPU");
        assert_fails(tn_device_open(&d, "sim:0"), TN_ERR_DEVICE, cases[i].says);
    }
    sim->set_count_error(0);
}

/* Any precision a model has not is refused by name. */
static void precisions_are_the_models(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    (void)sim;
    static const struct {
        const char *device;
        tn_precision asked, got;
        const char *says;
    } cases[] = {
        {"sim,gpu=h100", TN_PRECISION_DEFAULT, TN_PRECISION_TF32, NULL},
        {"sim,gpu=h100", TN_PRECISION_F32, TN_PRECISION_F32, NULL},
        {"sim,gpu=t4", TN_PRECISION_DEFAULT, TN_PRECISION_F32, NULL},
        {"sim,gpu=t4", TN_PRECISION_F16, TN_PRECISION_F16, NULL},
        {"sim,gpu=t4", TN_PRECISION_BF16, 0, "(sm_75) has no bf16"},
        {"sim,gpu=t4", TN_PRECISION_TF32, 0, "(sm_75) has no tf32"},
        {"cpu", TN_PRECISION_BF16, 0, "cpu: computes in f32, not in bf16"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        lab_small s;
        const tn_plan_opts opts = {.precision = cases[i].asked, .dry = true};
        if (cases[i].says) {
            assert_fails(lab_small_open(&s, cases[i].device, opts), TN_ERR_UNSUPPORTED,
                         cases[i].says);
            continue;
        }
        assert_ok(lab_small_open(&s, cases[i].device, opts));
        assert_int_equal(tn_plan_precision(s.plan), cases[i].got);
        lab_small_close(&s);
    }
    lab_small s;
    assert_fails(lab_small_open(&s, "sim,gpu=h100", (tn_plan_opts){0}), TN_ERR_DEVICE,
                 "is only planned for (gpu=h100): plans must be dry");
}

static tn_status train_a_little(void)
{
    lab_small s;
    tn_status status = lab_small_open(
        &s, "sim:0", (tn_plan_opts){.optim = tn_adam(NULL), .precision = TN_PRECISION_BF16});
    float loss;
    for (int i = 0; i < 3 && status == TN_OK; i++)
        status = lab_small_step(&s, i, 0.01F);
    if (status == TN_OK)
        status = lab_small_loss(&s, &loss);
    lab_small_close(&s);
    return status;
}

/* Every call of every library fails once. Either the run goes on without (a recording, cuDNN), or the error
 * names what failed; nothing stays behind. */
static void every_call_may_fail(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    assert_ok(train_a_little());
    sim->trace_begin();
    assert_ok(train_a_little());
    const long calls = sim->trace_calls("");
    assert_true(calls > 100);
    /* All of the first ones, which open the device and make the plan; then every few. */
    const long live = tn_alloc_live();
    long failed = 0;
    for (long n = 1; n <= calls; n += LAB_SLOW ? 5 : n < 300 ? 1 : 7) {
        sim->fail_at("", n);
        const tn_status status = train_a_little();
        sim->fail_at(NULL, 0);
        if (status != TN_OK && !strstr(tn_error(), "sim:0"))
            fail_msg("call %ld of %ld failing says only: %s", n, calls, tn_error());
        failed += status != TN_OK;
        assert_int_equal(tn_alloc_live(), live);
        sim->check_leaks();
    }
    assert_true(failed > 20);
}

static void memory_that_runs_out_is_told_in_numbers(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_small s;
    int told = 0;
    for (int n = 2;; n++) { /* the first is the device's own */
        sim->fail_at("cudaMalloc", n);
        const tn_status status =
            lab_small_open(&s, "sim:0", (tn_plan_opts){.optim = tn_adam(NULL)});
        sim->fail_at(NULL, 0);
        if (status == TN_OK)
            break;
        assert_fails(status, TN_ERR_MEMORY, "sim:0");
        told += strstr(tn_error(), "plan: no memory on sim:0 for ") != NULL;
        assert_true(strstr(tn_error(), "no memory") && strstr(tn_error(), "bytes"));
        sim->check_leaks();
    }
    lab_small_close(&s);
    sim->check_leaks();
    assert_true(told >= 5); /* the rest is memory for the time being */
}

/* What the CPU says at once a GPU says when somebody waits, and then no update has been made with it. */
static void a_label_out_of_range_is_named(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const devices[] = {"sim:0", "sim:0,graph=off", "sim:0,sync=on"};
    for (size_t d = 0; d < TN_COUNT(devices); d++) {
        lab_small s;
        float before[SMALL_CLASSES], after[SMALL_CLASSES], loss;
        int32_t bad[SMALL_ROWS] = {0, 1, SMALL_CLASSES, 2};
        assert_ok(lab_small_open(&s, devices[d], (tn_plan_opts){.optim = tn_sgd(NULL)}));
        for (int i = 0; i < 3; i++)
            assert_ok(lab_small_step(&s, i, 0.01F));
        const int bias = tn_plan_find_param(s.plan, "fc.bias");
        const tn_shape shape = TN_SHAPE(SMALL_CLASSES);
        assert_ok(tn_plan_param_get(s.plan, bias, 0, (tn_tensor){TN_F32, shape, before}));
        assert_ok(tn_plan_set(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(SMALL_ROWS), bad}));
        tn_status status = tn_plan_run(s.plan);
        if (status == TN_OK)
            status = tn_plan_update(s.plan, 0.01F);
        if (status == TN_OK)
            status = lab_small_loss(&s, &loss);
        assert_fails(status, TN_ERR_ARGUMENT,
                     "softmax_xent loss: label 3 in row 2 is not in [0, 3) nor -1");
        assert_ok(tn_plan_param_get(s.plan, bias, 0, (tn_tensor){TN_F32, shape, after}));
        assert_memory_equal(before, after, sizeof before);
        lab_small_close(&s);
    }
    sim->check_leaks();
}

/* The plan whose label it was tells it, whoever waits first; the other one goes on, and its updates are made. */
static void a_bad_label_is_told_by_its_own_plan(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_small s;
    tn_plan *other = NULL;
    float loss;
    int32_t bad[SMALL_ROWS] = {0, 1, SMALL_CLASSES, 2};
    assert_ok(lab_small_open(&s, "sim:0", (tn_plan_opts){.optim = tn_sgd(NULL)}));
    lab_small t = s; /* on the same device */
    assert_ok(tn_plan_create(&other, s.g, s.device,
                             &(tn_plan_opts){.optim = tn_sgd(NULL), .loss = s.loss.loss}));
    t.plan = other;
    for (int i = 0; i < 3; i++) {
        assert_ok(lab_small_step(&s, i, 0.01F));
        assert_ok(lab_small_step(&t, i, 0.01F));
    }
    const int bias = tn_plan_find_param(other, "fc.bias");
    const tn_tensor whole = {TN_F32, TN_SHAPE(SMALL_CLASSES), (float[SMALL_CLASSES]){0}};
    float before[SMALL_CLASSES];
    assert_ok(tn_plan_param_get(other, bias, 0, whole));
    memcpy(before, whole.data, sizeof before);
    assert_ok(tn_plan_set(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(SMALL_ROWS), bad}));
    assert_ok(tn_plan_run(s.plan));
    assert_ok(tn_plan_update(s.plan, 0.01F));
    assert_ok(lab_small_step(&t, 3, 0.5F));
    assert_ok(lab_small_loss(&t, &loss));
    assert_ok(tn_plan_param_get(other, bias, 0, whole));
    assert_true(memcmp(before, whole.data, sizeof before) != 0);
    assert_fails(lab_small_loss(&s, &loss), TN_ERR_ARGUMENT, "softmax_xent loss: label 3 in row 2");
    assert_ok(lab_small_step(&s, 4, 0.01F)); /* told once */
    assert_ok(lab_small_loss(&s, &loss));
    tn_plan_destroy(other);
    lab_small_close(&s);
    sim->check_leaks();
}

/* A thread may have worked on another one since. */
static void two_devices_are_taken_in_turns(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const char *const names[] = {"sim:0,graph=off", "sim:1,graph=off"};
    lab_small s[2];
    float loss[2];
    for (int i = 0; i < 2; i++)
        assert_ok(lab_small_open(&s[i], names[i], (tn_plan_opts){.optim = tn_sgd(NULL)}));
    for (int step = 0; step < 4; step++)
        for (int i = 0; i < 2; i++)
            assert_ok(lab_small_step(&s[i], step, 0.01F));
    for (int i = 0; i < 2; i++)
        assert_ok(lab_small_loss(&s[i], &loss[i]));
    assert_true(loss[0] == loss[1]);
    for (int i = 0; i < 2; i++)
        lab_small_close(&s[i]);
    sim->check_leaks();
}

/* In the child of a process that has used a GPU: each call says what is wrong. */
static void a_fork_is_told(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_small s;
    int status = -1;
    assert_ok(lab_small_open(&s, "sim:0", (tn_plan_opts){.optim = tn_sgd(NULL)}));
    assert_ok(lab_small_step(&s, 0, 0.01F));
    const pid_t child = fork();
    if (child == 0) {
        tn_device *d = NULL;
        const bool told = tn_device_open(&d, "sim:1") == TN_ERR_DEVICE &&
                          strstr(tn_error(), "CUDA does not survive a fork") &&
                          lab_small_step(&s, 1, 0.01F) == TN_ERR_DEVICE &&
                          strstr(tn_error(), "was forked from");
        _exit(told ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(lab_small_step(&s, 1, 0.01F));
    lab_small_close(&s);
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(each_lack_of_a_gpu_is_told_apart),
        cmocka_unit_test(precisions_are_the_models),
        cmocka_unit_test(every_call_may_fail),
        cmocka_unit_test(memory_that_runs_out_is_told_in_numbers),
        cmocka_unit_test(a_label_out_of_range_is_named),
        cmocka_unit_test(a_bad_label_is_told_by_its_own_plan),
        cmocka_unit_test(two_devices_are_taken_in_turns),
        cmocka_unit_test(a_fork_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
