/*
 * Orders are part of what a run is: one that was killed before or after an order and resumed is the run that was not, and
 * so is one that repeats it from the log, byte for byte.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab_life.h"
#include "lab_sim.h"

#define SIM "sim:0,deterministic=on"

static const lab_run_kind kinds[] = {
    {"cpu", .log_every = 5, .save_steps = 7},
    {"two cpus", "cpu:0-1,threads=2", .log_every = 5, .save_steps = 7},
    {"gpu", SIM, .log_every = 5, .save_steps = 7},
    {"gpu, f16, accumulated", SIM, TN_PRECISION_F16, .accumulate = 2, .loss_scale = 1024,
     .log_every = 3, .save_steps = 4},
};

enum { STEPS = 33 };

/* Two at one step, one at that of a checkpoint, which may end while it is obeyed, one where an epoch ends. */
static const struct {
    const char *id, *order;
} orders[] = {
    {"1", "\"order\":\"set\",\"at_step\":3,\"set\":{\"rate_scale\":0.5}"},
    {"2", "\"order\":\"set\",\"at_step\":8,\"set\":{\"momentum\":0.5,\"clip\":0.75}"},
    {"a", "\"order\":\"set\",\"at_step\":8,\"set\":{\"momentum\":0.25},\"by\":\"anna\""},
    {"3", "\"order\":\"set\",\"at_step\":14,\"set\":{\"decay\":0.125,\"log_every\":2}"},
    {"5", "\"order\":\"set\",\"at_step\":20,\"set\":{\"clip\":0,\"rate_scale\":0.25}"},
    {"6", "\"order\":\"snapshot\",\"at_step\":23"},
    {"4", "\"order\":\"evaluate\",\"at_step\":28"},
    {"7", "\"order\":\"set\",\"at_step\":29,\"set\":{\"momentum\":0,\"keep\":1}"},
};

static void write_orders(const char *folder)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/control", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    for (size_t i = 0; i < TN_COUNT(orders); i++) {
        snprintf(path, sizeof path, "%s/control/%s.json", folder, orders[i].id);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "{\"v\":1,%s}\n", orders[i].order);
        assert_int_equal(fclose(f), 0);
    }
}

static bool can_run(const lab_run_kind *k)
{
    return !k->device || k->device[0] != 's' || (lab_find_sim() && !LAB_SLOW);
}

static void check(int kind, const int64_t *at, lab_end how)
{
    const char *whole = lab_make_folder(), *cut = lab_make_folder();
    write_orders(whole);
    write_orders(cut);
    lab_life(whole, kind, STEPS, LAB_DONE);
    assert_int_equal(lab_run_lines(whole, "order", "\"applied\":true"), TN_COUNT(orders));
    assert_int_equal(lab_run_lines(whole, "evaluate", NULL), 1);
    for (; *at; at++)
        lab_life(cut, kind, *at, how);
    lab_life(cut, kind, STEPS, LAB_DONE);
    lab_same_runs(kinds[kind].why, whole, cut, how == LAB_TERM);
    lab_remove(whole);
    lab_remove(cut);
}

static void orders_before_and_after_a_cut(void **state)
{
    (void)state;
    for (int i = 0; i < (int)TN_COUNT(kinds); i++) {
        if (!can_run(&kinds[i]))
            continue;
        check(i, (const int64_t[]){2, 9, 13, 15, 18, 31, 0}, LAB_KILL);
        check(i, (const int64_t[]){4, 8, 21, 28, 0}, LAB_TERM);
        check(i, (const int64_t[]){29, 0}, LAB_KILL_EVALUATING);
    }
}

/* Again and again before the next checkpoint, so that they are told of more than once. */
static void orders_that_were_obeyed_several_times(void **state)
{
    (void)state;
    check(0, (const int64_t[]){9, 10, 11, 12, 30, 32, 0}, LAB_KILL);
}

static void a_run_is_repeated_from_its_log(void **state)
{
    (void)state;
    for (int i = 0; i < (int)TN_COUNT(kinds); i++) {
        if (!can_run(&kinds[i]))
            continue;
        const char *first = lab_make_folder(), *again = lab_make_folder();
        write_orders(first);
        lab_life(first, i, 9, LAB_KILL);
        lab_life(first, i, STEPS, LAB_DONE);
        assert_ok(tn_run_repeat_orders(first, again));
        lab_life(again, i, STEPS, LAB_DONE);
        lab_same_runs(kinds[i].why, first, again, false);
        lab_remove(first);
        lab_remove(again);
    }
}

/* Who stopped a run and resumes it does not want it to stop again. */
static void stops_are_not_repeated(void **state)
{
    (void)state;
    const char *folder = lab_make_folder(), *again = lab_make_folder();
    char path[1200];
    snprintf(path, sizeof path, "%s/control", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/control/stop.json", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"v\":1,\"order\":\"stop\",\"at_step\":12}", f);
    assert_int_equal(fclose(f), 0);
    lab_life(folder, 0, STEPS, LAB_DONE);
    assert_int_equal(lab_run_lines(folder, "order", "\"step\":12,"), 1);
    assert_int_equal(lab_run_lines(folder, "checkpoint", "step-00000012"), 1);
    lab_life(folder, 0, STEPS, LAB_DONE);
    assert_int_equal(lab_run_lines(folder, "checkpoint", "step-00000033"), 1);
    assert_ok(tn_run_repeat_orders(folder, again));
    snprintf(path, sizeof path, "%s/control", again);
    assert_int_equal(lab_entries(path), 0);
    lab_remove(folder);
    lab_remove(again);
}

int main(int argc, char **argv)
{
    lab_life_main(argc, argv, kinds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_before_and_after_a_cut),
        cmocka_unit_test(orders_that_were_obeyed_several_times),
        cmocka_unit_test(a_run_is_repeated_from_its_log),
        cmocka_unit_test(stops_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
