/*
 * Several simulated GPUs are one: the same numbers, recorded and replayed, in every precision; and what a step
 * asks of each.
 */
#include <math.h>
#include <string.h>

#include "dist/lab_group.h"
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
                                         "sim:0-7,deterministic=on",
                                         "sim:all,deterministic=on,graph=off"};
    static lab_history one, several, again;
    sim->set_devices(8);
    lab_group_train("sim:0,deterministic=on", LAB_LENET, with_sgd(TN_PRECISION_F32), &one);
    for (size_t d = 0; d < TN_COUNT(groups); d++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_that_of_one_gpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
