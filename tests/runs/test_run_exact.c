/*
 * A run that was killed or stopped, at any step, and resumed, is the run that was not: the log, parameters, what the
 * optimizer keeps, and all else that a checkpoint holds, byte for byte.
 */
#include <stdio.h>
#include <string.h>

#include "lab_life.h"
#include "lab_sim.h"

#define SIM "sim:0,deterministic=on"

static const lab_run_kind kinds[] = {
    {"cpu", .log_every = 5, .save_steps = 7},
    {"the naive kernels", "cpu,reference,threads=1", .log_every = 4, .save_steps = 7},
    {"accumulated", .accumulate = 2, .log_every = 5, .save_steps = 3},
    {"two cpus", "cpu:0-1,threads=2", .log_every = 5, .save_steps = 7},
    {"gpu", SIM, .log_every = 5, .save_steps = 7},
    {"gpu, f16", SIM, TN_PRECISION_F16, .loss_scale = 1e30F, .log_every = 5, .save_steps = 7},
    {"two gpus, f16, accumulated", "sim:0-1,deterministic=on", TN_PRECISION_F16, .accumulate = 2,
     .loss_scale = 1024, .log_every = 3, .save_steps = 4},
    {"ranks", "mpi:cpu,threads=1", .log_every = 5, .save_steps = 7}, /* check_run_ranks.py */
    {"averages", .ema = 0.9F, .log_every = 5, .save_steps = 7},
};

enum { STEPS = 33 };

static void check(const char *why, int kind, const int64_t *at, lab_end how)
{
    const char *whole = lab_make_folder(), *cut = lab_make_folder();
    char text[200];
    snprintf(text, sizeof text, "%s, %s", kinds[kind].why, why);
    lab_life(whole, kind, STEPS, LAB_DONE);
    for (; *at; at++)
        lab_life(cut, kind, *at, how);
    lab_life(cut, kind, STEPS, LAB_DONE);
    lab_same_runs(text, whole, cut, how == LAB_TERM);
    lab_remove(whole);
    lab_remove(cut);
}

static void a_run_goes_on_as_if_it_had_not_been_killed(void **state)
{
    (void)state;
    const bool sim = lab_find_sim() != NULL;
    for (int i = 0; i < (int)TN_COUNT(kinds); i++) {
        const char first = kinds[i].device ? kinds[i].device[0] : 'c';
        if (first == 'm' || (first == 's' && (!sim || LAB_SLOW)))
            continue;
        check("killed", i, (const int64_t[]){3, 9, 17, 30, 0}, LAB_KILL);
        check("stopped", i, (const int64_t[]){8, 20, 23, 0}, LAB_TERM);
    }
}

/* At every single step, also where an epoch ends. */
static void wherever_it_is_cut(void **state)
{
    (void)state;
    for (int64_t at = 1; at < STEPS - 20; at++) {
        check("killed at any step", 0, (const int64_t[]){at, 0}, LAB_KILL);
        check("stopped at any step", 0, (const int64_t[]){at, 0}, LAB_TERM);
    }
}

int main(int argc, char **argv)
{
    lab_life_main(argc, argv, kinds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_as_if_it_had_not_been_killed),
        cmocka_unit_test(wherever_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
