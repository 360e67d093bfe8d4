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
    {"three cpus", "cpu:0-2,threads=3", .log_every = 5, .save_steps = 7},
    {"averages", .ema = 0.9F, .log_every = 5, .save_steps = 7},
};

enum { STEPS = 33 };

/* One that is cut at these steps, beside the whole one. */
static void check(const char *why, int kind, const char *whole, const int64_t *at, lab_end how)
{
    const char *cut = lab_make_folder();
    char text[200];
    snprintf(text, sizeof text, "%s, %s", kinds[kind].why, why);
    for (; *at; at++)
        lab_life(cut, kind, *at, how);
    lab_life(cut, kind, STEPS, LAB_DONE);
    lab_same_runs(text, whole, cut, how == LAB_TERM);
    lab_remove(cut);
}

static void train_whole(char whole[1024], int kind)
{
    snprintf(whole, 1024, "%s", lab_make_folder()); /* whose memory is used again */
    lab_life(whole, kind, STEPS, LAB_DONE);
}

static void a_run_goes_on_as_if_it_had_not_been_killed(void **state)
{
    (void)state;
    const bool sim = lab_find_sim() != NULL;
    char whole[1024];
    for (int i = 0; i < (int)TN_COUNT(kinds); i++) {
        const char first = kinds[i].device ? kinds[i].device[0] : 'c';
        if (first == 'm' || (first == 's' && (!sim || LAB_SLOW)))
            continue;
        train_whole(whole, i);
        check("killed", i, whole, (const int64_t[]){3, 9, 17, 0}, LAB_KILL);
        check("stopped", i, whole, (const int64_t[]){8, 20, 23, 0}, LAB_TERM);
        lab_remove(whole);
    }
}

/* At every single step, also where an epoch ends. */
static void wherever_it_is_cut(void **state)
{
    (void)state;
    char whole[1024];
    train_whole(whole, 0);
    for (int64_t at = 1; at < STEPS - 20; at++) {
        check("killed at any step", 0, whole, (const int64_t[]){at, 0}, LAB_KILL);
        check("stopped at any step", 0, whole, (const int64_t[]){at, 0}, LAB_TERM);
    }
    lab_remove(whole);
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
