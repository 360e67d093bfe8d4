/*
 * Several simulated GPUs are one: the same numbers, recorded and replayed, in every precision; and what a step
 * asks of each.
 */
#include <math.h>
#include <string.h>

#include "group/lab_group.h"
#include "group/replica.h"
#include "lab_sim.h"

static const float allowed = 1e-5F;

static tn_plan_opts with_sgd(tn_precision precision)
{
    return (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                          .precision = precision,
                          .loss_scale = 1024};
}

static void training_is_that_of_one_gpu(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const groups[] = {"sim:0-1,deterministic=on", "sim:0-3,deterministic=on",
                                         "sim:all,deterministic=on,graph=off",
                                         "sim:0-7,deterministic=on"};
    static lab_history one, several, again;
    sim->set_devices(LAB_SLOW ? 4 : 8);
    lab_group_train("sim:0,deterministic=on", LAB_LENET, with_sgd(TN_PRECISION_F32), &one);
    for (size_t d = 0; d < TN_COUNT(groups) - LAB_SLOW; d++) {
        tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
        opts.bucket_bytes = d == 1 ? 1 : 0;
        lab_group_train(groups[d], LAB_LENET, opts, &several);
        const float difference = lab_group_difference(&one, &several);
        print_message("%s: %.2g\n", groups[d], (double)difference);
        assert_true(difference <= allowed);
        if (d > 0)
            continue;
        lab_group_train(groups[d], LAB_LENET, opts, &again);
        assert_memory_equal(&several, &again, sizeof again);
    }
    sim->check_leaks();
}

/* On those that TENON_TEST_GPUS names, "cuda:0-3", the first of which is the one that they are compared with. Sums are
 * added in other orders there, and what a kernel does in parallel: ten times what the simulation differs by. */
static void real_gpus_are_one(void **unused)
{
    (void)unused;
    const char *gpus = getenv("TENON_TEST_GPUS");
    if (!gpus) {
        print_message("skipped: TENON_TEST_GPUS names no GPUs (cuda:0-3)\n");
        skip();
    }
    static lab_history one, several, again;
    char first[64], all[96];
    snprintf(first, sizeof first, "%.*s,deterministic=on", (int)strcspn(gpus, "-,"), gpus);
    snprintf(all, sizeof all, "%s,deterministic=on", gpus);
    for (int net = LAB_LENET; net <= LAB_RESNET; net++)
        for (int accumulate = 1; accumulate <= 2; accumulate++) {
            tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
            opts.sync_batchnorm = net == LAB_RESNET;
            opts.accumulate = accumulate;
            opts.bucket_bytes = 1000;
            lab_group_train(first, (lab_net)net, opts, &one);
            lab_group_train(all, (lab_net)net, opts, &several);
            lab_group_train(all, (lab_net)net, opts, &again);
            const float difference = lab_group_difference(&one, &several);
            print_message("%s, net %d, %d runs an update: %.2g\n", all, net, accumulate,
                          (double)difference);
            assert_true(difference <= (net == LAB_LENET ? 10 * allowed : 2e-2F));
            assert_memory_equal(&several, &again, sizeof again);
        }
}

static void set_and_run(const lab_group *s, int i)
{
    assert_ok(lab_group_set(s, i));
    assert_ok(tn_plan_run(s->plan)); /* and its sums are under way: nobody waits for them */
}

/* What is done for the first time, or recorded, after a run whose sums are under way: the simulation ends the process
 * if it meets them. */
static void nothing_new_meets_a_sum(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_group s;
    tn_plan *other = NULL;
    double seconds[64];
    float loss;
    sim->set_devices(2);
    assert_ok(lab_group_open(&s, "sim:0-1,autotune=on", LAB_LENET, with_sgd(TN_PRECISION_F32)));
    for (int i = 0; i < 3; i++)
        set_and_run(&s, i);
    assert_ok(tn_plan_update(s.plan, 0.01F)); /* plainly */
    set_and_run(&s, 3);
    assert_ok(tn_plan_update(s.plan, 0.01F)); /* recorded */
    for (int i = 0; i < 2; i++) {
        set_and_run(&s, 4);
        assert_ok(tn_plan_evaluate(s.plan));
    }
    set_and_run(&s, 5);
    assert_ok(tn_plan_profile(s.plan, 0.01F, seconds));
    set_and_run(&s, 6);
    assert_ok(tn_plan_create(&other, s.g, s.device, /* tries engines out */
                             &(tn_plan_opts){.loss = s.loss.loss, .precision = TN_PRECISION_BF16}));
    tn_plan_destroy(other);
    lab_group beside = s; /* another plan's first steps, and sums of this one */
    set_and_run(&s, 7);
    tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
    opts.loss = s.loss.loss;
    assert_ok(tn_plan_create(&beside.plan, s.g, s.device, &opts));
    for (int i = 0; i < 3; i++) {
        set_and_run(&s, 8 + i);
        set_and_run(&beside, i);
        assert_ok(tn_plan_update(beside.plan, 0.01F));
        assert_ok(tn_plan_update(s.plan, 0.01F));
    }
    tn_plan_destroy(beside.plan);
    assert_ok(lab_group_loss(&s, &loss));
    lab_group_close(&s);
    sim->check_leaks();
}

/* As test_group.c has it: a ReLU that is 0 within rounding may make a difference jump. */
static void batchnorm_may_see_the_whole_batch(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const groups[] = {"sim:0-1,deterministic=on", "sim:0-3,deterministic=on"};
    static lab_history one, several;
    tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
    opts.sync_batchnorm = true;
    sim->set_devices(4);
    lab_group_train("sim:0,deterministic=on", LAB_RESNET, opts, &one);
    for (size_t d = 0; d < TN_COUNT(groups) - LAB_SLOW; d++) {
        lab_group_train(groups[d], LAB_RESNET, opts, &several);
        const float difference = lab_group_difference(&one, &several);
        print_message("%s: %.2g\n", groups[d], (double)difference);
        for (int i = 0; i < 10; i++)
            assert_true(fabsf(one.loss[i] - several.loss[i]) <= allowed);
        assert_true(difference <= 2e-3F);
    }
    sim->check_leaks();
}

/* In half precision the numbers are those of one GPU as nearly as two ways to add up in it are. */
static void every_precision_trains(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const struct {
        tn_precision precision;
        bool bf16;
        float allowed;
    } manners[] = {{TN_PRECISION_TF32, true, 0.05F},
                   {TN_PRECISION_BF16, false, 0.3F},
                   {TN_PRECISION_F16, false, 0.02F}};
    static lab_history one, several;
    sim->set_devices(2);
    for (size_t m = LAB_SLOW ? 2 : 0; m < TN_COUNT(manners); m++) {
        tn_plan_opts opts = with_sgd(manners[m].precision);
        lab_group_train("sim:0", LAB_LENET, opts, &one);
        opts.reduce_bf16 = manners[m].bf16;
        lab_group_train("sim:0-1", LAB_LENET, opts, &several);
        const float difference = lab_group_difference(&one, &several);
        print_message("%s: %.2g\n", tn_precision_name(manners[m].precision), (double)difference);
        assert_true(difference <= manners[m].allowed);
        assert_true(several.loss[GROUP_STEPS - 1] < several.loss[0]);
    }
    sim->check_leaks();
}

/* The rows of the first GPU have no label, so its gradients are 0; the other's are too large. */
static void an_update_is_left_out_on_all_or_on_none(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static float before[GROUP_MOST_PARAMS], after[GROUP_MOST_PARAMS];
    lab_group s;
    int32_t labels[GROUP_ROWS] = {-1, -1, -1, -1, 0, 1, 2, 3};
    int64_t skipped;
    tn_plan_opts opts = with_sgd(TN_PRECISION_F16);
    opts.loss_scale = 1 << 23;
    sim->set_devices(2);
    assert_ok(lab_group_open(&s, "sim:0-1", LAB_LENET, opts));
    const size_t count = lab_group_params(&s, TN_PARAM_VALUE, before);
    assert_ok(lab_group_set(&s, 0));
    assert_ok(tn_plan_set(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels}));
    assert_ok(tn_plan_run(s.plan));
    assert_ok(tn_plan_update(s.plan, 0.1F));
    assert_ok(tn_plan_skipped(s.plan, &skipped));
    assert_int_equal(skipped, 1);
    for (int r = 0; r < 2; r++) {
        lab_group one = s;
        one.plan = tn_group_replica(s.plan->group, r);
        assert_int_equal(lab_group_params(&one, TN_PARAM_VALUE, after), count);
        assert_memory_equal(before, after, count * sizeof *before);
        assert_ok(tn_plan_skipped(one.plan, &skipped));
        assert_int_equal(skipped, 1);
    }
    lab_group_close(&s);
    sim->check_leaks();
}

/* Two recordings and two small launches, the inputs' copies, a sum a bucket: nothing else, nobody waits. */
static void a_steady_step_does_no_more_than_it_must(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    enum { STEPS = 4, INPUTS = 2, BUCKETS = 4 };
    lab_group s;
    float loss;
    tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
    opts.bucket_bytes = 1000;
    sim->set_devices(2);
    assert_ok(lab_group_open(&s, "sim:0-1", LAB_LENET, opts));
    for (int i = 0; i < 4; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_ok(lab_group_loss(&s, &loss));
    sim->trace_begin();
    for (int i = 0; i < STEPS; i++)
        assert_ok(lab_group_step(&s, i, 1));
    for (int d = 0; d < 2; d++) {
        const tn_sim_counts c = sim->trace_device(d);
        assert_int_equal(c.graph_launches, 2 * STEPS);
        assert_int_equal(c.launches, 2 * STEPS);
        assert_int_equal(c.executions + c.matmuls + c.fills + c.allocations + c.frees, 0);
        assert_int_equal(c.copies_to_device, INPUTS * STEPS);
        assert_int_equal(c.bytes_to_device, GROUP_ROWS / 2 * (GROUP_PIXELS + 4) * STEPS);
        assert_int_equal(c.copies_from_device, 0);
        assert_int_equal(c.sums, BUCKETS * STEPS);
        assert_int_equal(c.bytes_summed,
                         STEPS * tn_plan_first(s.plan)->trained_count * sizeof(float));
        assert_int_equal(c.broadcasts, 0);
    }
    lab_group_close(&s);
    sim->check_leaks();
}

/* When the first sum is there, backward is still to do, on a device where nothing happens that nobody waits
 * for. */
static void sums_are_taken_while_backward_goes_on(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_group s;
    float loss;
    tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
    opts.bucket_bytes = 1000;
    sim->set_devices(2);
    assert_ok(lab_group_open(&s, "sim:0-1", LAB_LENET, opts));
    for (int i = 0; i < 4; i++)
        assert_ok(lab_group_step(&s, i, 1));
    const tn_plan *p = tn_plan_first(s.plan);
    const tn_collectives *all = p->share.collectives;
    assert_ok(lab_group_set(&s, 0));
    assert_ok(lab_group_loss(&s, &loss)); /* waits for all */
    const int64_t finished = all->finished(p->share.comm);
    sim->trace_begin();
    assert_ok(tn_plan_run(s.plan));
    while (all->finished(p->share.comm) == finished)
        assert_ok(all->check(p->share.comm));
    const long at_first = sim->trace_device(0).work;
    while (all->finished(p->share.comm) < finished + p->num_buckets)
        assert_ok(all->check(p->share.comm));
    const long at_last = sim->trace_device(0).work;
    print_message("%ld of %ld pieces of work were done with the first sum\n", at_first, at_last);
    assert_true(at_first < at_last);
    assert_true(all->begun(p->share.comm) == all->finished(p->share.comm));
    assert_ok(tn_plan_update(s.plan, 0.01F));
    lab_group_close(&s);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* A GPU tells of a label that is no class when somebody waits for it: the others have gone on by then, and must
 * not go on any further. */
static void a_bad_label_on_one_is_the_end(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_group s;
    float loss;
    int32_t labels[GROUP_ROWS] = {0, 1, 2, 3, 0, 1, 77, 3};
    sim->set_devices(2);
    assert_ok(lab_group_open(&s, "sim:0-1", LAB_LENET, with_sgd(TN_PRECISION_F32)));
    for (int i = 0; i < 3; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_ok(tn_plan_set(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels}));
    assert_ok(tn_plan_run(s.plan));
    assert_ok(tn_plan_update(s.plan, 0.1F));
    assert_fails(lab_group_loss(&s, &loss), TN_ERR_ARGUMENT,
                 "sim:1 (rows 4 to 7 of a batch): softmax_xent");
    assert_non_null(strstr(tn_error(), "label 77 in row 2"));
    assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, "all 2 devices ended");
    lab_group_close(&s);
}

static void a_gpu_that_fails_ends_the_run_on_all(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    /* A GPU whose kernel has failed is lost for good: others each time. */
    static const struct {
        const char *call, *devices, *text;
        long nth;
    } faults[] = {{"ncclAllReduce", "sim:0-1", "ncclAllReduce", 2},
                  {"cudaGraphLaunch", "sim:2-3", "cudaGraphLaunch", 3},
                  {"kernel", "sim:4-5", "illegal memory access", 40},
                  {"collective", "sim:6-7", "NCCL", 1}};
    sim->set_devices(8);
    for (size_t i = 0; i < TN_COUNT(faults); i++) {
        lab_group s;
        float loss;
        tn_status status = TN_OK;
        tn_plan_opts opts = with_sgd(TN_PRECISION_F32);
        opts.stall = 20;
        assert_ok(lab_group_open(&s, faults[i].devices, LAB_LENET, opts));
        for (int k = 0; k < 3; k++)
            assert_ok(lab_group_step(&s, k, 1));
        assert_ok(lab_group_loss(&s, &loss));
        sim->fail_at(faults[i].call, faults[i].nth);
        for (int k = 0; k < 6 && status == TN_OK; k++) {
            status = lab_group_step(&s, k, 1);
            if (status == TN_OK)
                status = lab_group_loss(&s, &loss);
        }
        sim->fail_at(NULL, 0);
        print_message("%s: %s\n", faults[i].call, tn_error());
        assert_int_equal(status, TN_ERR_DEVICE);
        assert_non_null(strstr(tn_error(), faults[i].text));
        assert_non_null(strstr(tn_error(), "all 2 devices ended after update "));
        assert_int_equal(tn_plan_run(s.plan), TN_ERR_DEVICE);
        lab_group_close(&s);
    }
}

static void memory_may_run_out_on_one(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    sim->set_devices(2);
    long nth = 1;
    for (;; nth += 3) {
        lab_group s;
        sim->fail_at("cudaMalloc", nth);
        const tn_status status =
            lab_group_open(&s, "sim:0-1", LAB_LENET, with_sgd(TN_PRECISION_F16));
        sim->fail_at(NULL, 0);
        if (status == TN_OK) {
            lab_group_close(&s);
            break;
        }
        assert_int_equal(status, TN_ERR_MEMORY);
        assert_non_null(strstr(tn_error(), "sim:"));
        sim->check_leaks();
    }
    assert_true(nth > 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_gpus_are_one),
        cmocka_unit_test(nothing_new_meets_a_sum),
        cmocka_unit_test(training_is_that_of_one_gpu),
        cmocka_unit_test(batchnorm_may_see_the_whole_batch),
        cmocka_unit_test(every_precision_trains),
        cmocka_unit_test(an_update_is_left_out_on_all_or_on_none),
        cmocka_unit_test(a_steady_step_does_no_more_than_it_must),
        cmocka_unit_test(sums_are_taken_while_backward_goes_on),
        cmocka_unit_test(memory_may_run_out_on_one),
        cmocka_unit_test(a_bad_label_on_one_is_the_end),
        cmocka_unit_test(a_gpu_that_fails_ends_the_run_on_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
