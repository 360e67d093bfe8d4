/*
 * What a profile measures, each step's own work and nothing that was asked for before; and what it must not meet.
 * tn_now() goes through here (the linker's --wrap), to see how much the simulated GPU has done at each look at the clock.
 */
#include "group/lab_group.h"
#include "lab_sim.h"

enum { LOOKS = 256 };

static const lab_sim *watched;
static long done[LOOKS];
static int looks = -1; /* nobody watches */

double __real_tn_now(void);
double __wrap_tn_now(void);
double __wrap_tn_now(void)
{
    if (looks >= 0 && looks < LOOKS)
        done[looks++] = watched->trace_device(0).work;
    return __real_tn_now();
}

/* Pieces of work between each two looks. */
static int profile(const lab_group *s, long between[LOOKS])
{
    double seconds[LOOKS];
    watched->trace_begin();
    looks = 0;
    assert_ok(tn_plan_profile(s->plan, 0.01F, seconds));
    const int count = looks - 1;
    looks = -1;
    assert_true(count >= tn_plan_num_steps(s->plan) && count < LOOKS - 1);
    for (int i = 0; i < count; i++)
        between[i] = done[i + 1] - done[i];
    return count;
}

static void a_step_is_not_charged_with_earlier_work(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static long busy[LOOKS], idle[LOOKS];
    lab_group s;
    float loss;
    watched = sim;
    assert_ok(lab_group_open(&s, "sim:0", LAB_LENET,
                             (tn_plan_opts){.optim = tn_sgd(NULL), .precision = TN_PRECISION_F32}));
    for (int i = 0; i < 4; i++)
        assert_ok(lab_group_step(&s, i, 1)); /* from now on they are replayed, and nobody waits */
    assert_ok(lab_group_loss(&s, &loss));
    const int count = profile(&s, idle);
    for (int i = 0; i < 3; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_int_equal(profile(&s, busy), count);
    assert_memory_equal(idle, busy, (size_t)count * sizeof *idle);
    lab_group_close(&s);
    sim->check_leaks();
}

/* Its passes of training are new, and have sums within: who is ahead must not be in one while the other loads code. */
static void a_profile_of_new_passes_meets_no_sum(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_TF32,
                                              TN_PRECISION_BF16, TN_PRECISION_F16};
    double seconds[256];
    sim->set_devices(4);
    for (size_t i = 0; i < 2 * TN_COUNT(precisions); i++) { /* threads are as quick as they are */
        lab_group s;
        const tn_plan_opts opts = {.optim = tn_sgd(NULL),
                                   .precision = precisions[i % TN_COUNT(precisions)],
                                   .sync_batchnorm = true};
        assert_ok(lab_group_open(&s, i % 2 ? "sim:0-1" : "sim:0-3", LAB_RESNET, opts));
        assert_ok(lab_group_set(&s, 0));
        for (int k = 0; k < 3; k++) /* recorded: nothing of it is new any more */
            assert_ok(tn_plan_evaluate(s.plan));
        assert_true(tn_plan_num_steps(s.plan) <= (int)TN_COUNT(seconds));
        assert_ok(tn_plan_profile(s.plan, 0.01F, seconds));
        lab_group_close(&s);
    }
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_is_not_charged_with_earlier_work),
                                       cmocka_unit_test(a_profile_of_new_passes_meets_no_sum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
