/*
 * A step of training on a GPU, seen from the trace of the simulated one: what it launches, copies and waits
 * for, and that a replayed step is the step.
 */
#include <math.h>
#include <string.h>

#include "backends/cuda/lab_small.h"
#include "lab_sim.h"

static tn_plan_opts with_sgd(void)
{
    return (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F})};
}

enum { IMAGE_BYTES = SMALL_ROWS * SMALL_SIDE * SMALL_SIDE * 3, LABEL_BYTES = SMALL_ROWS * 4 };

static void a_steady_step_does_no_more_than_it_must(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_small s;
    float loss;
    assert_ok(lab_small_open(&s, "sim:0", with_sgd()));
    for (int i = 0; i < 4; i++)
        assert_ok(lab_small_step(&s, i, 0.01F));
    assert_ok(lab_small_loss(&s, &loss));

    enum { STEPS = 5 };
    sim->trace_begin();
    for (int i = 0; i < STEPS; i++)
        assert_ok(lab_small_step(&s, i, 0.01F));
    const tn_sim_counts steps = sim->trace_counts();
    assert_int_equal(steps.graph_launches, STEPS);
    assert_int_equal(steps.launches, 2 * STEPS); /* what changes: of the run and of the update */
    assert_int_equal(steps.executions, 0);
    assert_int_equal(steps.matmuls, 0);
    assert_int_equal(steps.fills, 0);
    assert_int_equal(steps.copies_to_device, SMALL_INPUTS * STEPS);
    assert_int_equal(steps.bytes_to_device, (IMAGE_BYTES + LABEL_BYTES) * STEPS);
    assert_int_equal(steps.copies_inside, SMALL_INPUTS * STEPS);
    assert_int_equal(steps.copies_from_device, 0);
    assert_int_equal(steps.allocations, 0);
    assert_int_equal(steps.frees, 0);
    /* But for waiting until the batch before the last has left its pinned memory: one an input. */
    assert_true(sim->trace_calls("cudaEventSynchronize") <= SMALL_INPUTS * STEPS);
    assert_int_equal(steps.synchronisations, sim->trace_calls("cudaEventSynchronize"));

    sim->trace_begin();
    assert_ok(lab_small_loss(&s, &loss));
    const tn_sim_counts look = sim->trace_counts();
    assert_int_equal(look.copies_from_device, 1);
    assert_int_equal(look.bytes_from_device, sizeof loss);
    assert_int_equal(look.synchronisations, 1);
    assert_int_equal(look.launches + look.graph_launches, 0);
    lab_small_close(&s);
    sim->check_leaks();
}

enum { PARAMS = 4, MOST = 1024 };

/* Losses of each step, and the parameters in the end. */
typedef struct history {
    float loss[8], param[PARAMS][MOST];
} history;

static void train(const char *device, tn_plan_opts opts, bool looks, history *h)
{
    lab_small s;
    *h = (history){0};
    assert_ok(lab_small_open(&s, device, opts));
    for (int i = 0; i < (int)TN_COUNT(h->loss); i++) {
        assert_ok(lab_small_set(&s, i));
        assert_ok(tn_plan_run(s.plan));
        if (looks) /* so that the run is replayed without its update */
            assert_ok(lab_small_loss(&s, &h->loss[i]));
        assert_ok(tn_plan_update(s.plan, 0.01F + 0.01F * (float)i));
        if (i % 3 == 2)
            assert_ok(tn_plan_evaluate(s.plan));
    }
    assert_int_equal(tn_plan_num_params(s.plan), PARAMS);
    for (int i = 0; i < PARAMS; i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(s.plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        assert_true(count <= MOST);
        assert_ok(tn_plan_param_get(s.plan, i, TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, info.shape, h->param[i]}));
    }
    lab_small_close(&s);
}

/* Rate, step and dropout's mask change from step to step: nothing of them may be in the recording. */
static void a_replayed_step_is_the_step(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const struct {
        const char *why;
        tn_plan_opts opts;
    } cases[] = {
        {"sgd", with_sgd()},
        {"adam, clipped", {.optim = tn_adam(NULL), .clip_norm = 0.5F}},
        {"bf16", {.optim = tn_adam(NULL), .precision = TN_PRECISION_BF16}},
        {"f16", {.optim = tn_adam(NULL), .precision = TN_PRECISION_F16}},
    };
    static history plain, replayed, looked;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        train("sim:0,deterministic=on,graph=off", cases[i].opts, true, &plain);
        train("sim:0,deterministic=on", cases[i].opts, true, &looked);
        train("sim:0,deterministic=on", cases[i].opts, false, &replayed);
        assert_memory_equal(&plain, &looked, sizeof plain);
        assert_memory_equal(plain.param, replayed.param, sizeof plain.param);
    }
    sim->check_leaks();
}

/* Two halves a step: the run is replayed by itself, the sum of gradients with it. */
static void accumulated_runs_are_replayed(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    float want = 0, got = 0;
    const char *const devices[] = {"sim:0,deterministic=on,graph=off", "sim:0,deterministic=on"};
    for (int d = 0; d < 2; d++) {
        lab_small s;
        assert_ok(
            lab_small_open(&s, devices[d], (tn_plan_opts){.optim = tn_sgd(NULL), .accumulate = 2}));
        for (int i = 0; i < 6; i++) {
            for (int half = 0; half < 2; half++) {
                assert_ok(lab_small_set(&s, 2 * i + half));
                assert_ok(tn_plan_run(s.plan));
            }
            assert_ok(tn_plan_update(s.plan, 0.05F));
        }
        assert_ok(lab_small_loss(&s, d ? &got : &want));
        lab_small_close(&s);
    }
    assert_memory_equal(&got, &want, sizeof got);
    sim->check_leaks();
}

/* Where recording fails, the run goes on without, and the plan's description says why. */
static void a_device_that_cannot_record_still_trains(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const calls[] = {"cudaStreamEndCapture", "cudaGraphInstantiate"};
    lab_small s;
    float loss[TN_COUNT(calls) + 1];
    for (size_t c = 0; c <= TN_COUNT(calls); c++) {
        char text[1 << 14] = "";
        assert_ok(lab_small_open(&s, "sim:0,deterministic=on", with_sgd()));
        if (c > 0)
            sim->fail_at(calls[c - 1], 1);
        for (int i = 0; i < 6; i++)
            assert_ok(lab_small_step(&s, i, 0.01F));
        sim->fail_at(NULL, 0);
        assert_ok(lab_small_loss(&s, &loss[c]));
        FILE *f = tmpfile();
        assert_ok(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, f));
        rewind(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        if (c > 0 && (!strstr(text, calls[c - 1]) || !strstr(text, "not replayed")))
            fail_msg("%s is not named:\n%s", calls[c - 1], text);
        assert_memory_equal(&loss[c], &loss[0], sizeof loss[0]);
        lab_small_close(&s);
    }
    sim->check_leaks();
}

/* A seed of the simulation orders streams and blocks otherwise: a wait that is missing shows. */
static void no_order_of_streams_changes_a_number(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static history first, h;
    for (uint64_t seed = 0; seed < 6; seed++) {
        sim->set_seed(seed);
        train("sim:0,deterministic=on", with_sgd(), false, seed ? &h : &first);
        if (seed)
            assert_memory_equal(&h, &first, sizeof h);
    }
    sim->set_seed(0);
}

static void sums_are_taken_once(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const devices[] = {"cpu", "sim:0", "sim:0,graph=off"};
    for (size_t d = 0; d < TN_COUNT(devices); d++) {
        lab_small s;
        double sum, want = 0;
        int64_t runs;
        assert_ok(lab_small_open(&s, devices[d], with_sgd()));
        for (int i = 0; i < 5; i++) {
            float loss;
            assert_ok(lab_small_step(&s, i, 0.01F));
            assert_ok(lab_small_loss(&s, &loss));
            want += (double)loss;
        }
        assert_ok(tn_plan_take_sum(s.plan, s.loss.loss, &sum, &runs));
        assert_int_equal(runs, 5);
        assert_true(sum == want);
        assert_ok(tn_plan_evaluate(s.plan));
        assert_ok(tn_plan_take_sum(s.plan, s.loss.top_1, &sum, &runs));
        assert_int_equal(runs, 6);
        assert_true(sum >= 0 && sum <= 6 * SMALL_ROWS && sum == floor(sum));
        assert_ok(tn_plan_take_sum(s.plan, s.loss.top_1, &sum, &runs));
        assert_true(runs == 0 && sum == 0);
        assert_fails(tn_plan_take_sum(s.plan, s.image, &sum, &runs), TN_ERR_ARGUMENT,
                     "image is no scalar");
        lab_small_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_step_does_no_more_than_it_must),
        cmocka_unit_test(a_replayed_step_is_the_step),
        cmocka_unit_test(accumulated_runs_are_replayed),
        cmocka_unit_test(a_device_that_cannot_record_still_trains),
        cmocka_unit_test(no_order_of_streams_changes_a_number),
        cmocka_unit_test(sums_are_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
