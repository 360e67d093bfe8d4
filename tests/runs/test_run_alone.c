/*
 * A run without a folder: sums, the best, signals and orders are those of one that has a folder; it goes on from a file that
 * it, or another, was saved as.
 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lab_run.h"

static const lab_run_kind kind = {"alone", .log_every = 5};
enum { STEPS = 33, CUT = 17 };

static tn_run_opts opts_of(const lab_run *r)
{
    return (tn_run_opts){.plan = r->plan,
                         .device = r->device,
                         .batches = LAB_RUN_BATCHES,
                         .loss = r->loss.loss,
                         .top_1 = r->loss.top_1,
                         .top_k = r->loss.top_k};
}

static void open_alone(lab_run *r, const char *file)
{
    lab_run_plan(r, &kind);
    tn_run_opts opts = opts_of(r);
    opts.file = file;
    assert_ok(tn_run_open(&r->run, &opts));
    r->orders = tn_run_current(r->run);
    tn_run_position(r->run, &r->epoch, &r->index);
}

static void assert_same_score(const lab_run *a, const lab_run *b)
{
    tn_run_score x, y;
    assert_ok(tn_run_scores(a->run, &x, NULL));
    assert_ok(tn_run_scores(b->run, &y, NULL));
    assert_true(x.images > 0 && x.loss > 0);
    assert_memory_equal(&x.loss, &y.loss, sizeof x.loss);
    assert_int_equal(x.images, y.images);
    assert_int_equal(x.top_1, y.top_1);
    const tn_run_best one = tn_run_best_so_far(a->run), other = tn_run_best_so_far(b->run);
    assert_true(one.epoch > 0 && one.value == other.value && one.step == other.step);
}

static void assert_same_files(const char *a, const char *b)
{
    static char x[1 << 20], y[1 << 20];
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    assert_true(f && g);
    const size_t bytes = fread(x, 1, sizeof x, f);
    assert_true(bytes > 1000 && bytes < sizeof x);
    assert_int_equal(fread(y, 1, sizeof y, g), bytes);
    assert_memory_equal(x, y, bytes);
    fclose(f);
    fclose(g);
}

static void it_is_as_one_with_a_folder(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char cut[300], alone[300], kept[300], path[300];
    snprintf(cut, sizeof cut, "%s/cut", folder);
    snprintf(alone, sizeof alone, "%s/alone", folder);
    snprintf(kept, sizeof kept, "%s/kept", folder);
    snprintf(path, sizeof path, "%s/run", folder);
    lab_run whole, part, in;
    open_alone(&whole, NULL);
    lab_run_train(&whole, STEPS);
    open_alone(&part, NULL);
    lab_run_train(&part, CUT);
    assert_ok(tn_run_save_as(part.run, cut, false));
    lab_run_end(&part, TN_RUN_STOPPED);
    open_alone(&part, cut);
    assert_int_equal(tn_plan_updates(part.plan), CUT);
    assert_int_equal(part.epoch * LAB_RUN_BATCHES + part.index, CUT);
    lab_run_train(&part, STEPS);
    assert_same_score(&whole, &part);
    assert_ok(tn_run_save_as(whole.run, alone, false));
    assert_ok(tn_run_save_as(part.run, kept, false));
    assert_same_files(alone, kept);

    lab_run_plan(&in, &kind);
    assert_ok(lab_run_open(&in, path, false));
    lab_run_train(&in, STEPS);
    assert_same_score(&whole, &in);
    lab_run_end(&in, TN_RUN_DONE);
    lab_run_end(&part, TN_RUN_DONE);
    lab_run_end(&whole, TN_RUN_DONE);
    lab_remove(folder);
}

static void it_stops_when_told(void **state)
{
    (void)state;
    lab_run r;
    open_alone(&r, NULL);
    lab_run_train(&r, 3);
    tn_run_signal(r.run, SIGTERM);
    lab_run_train(&r, STEPS);
    assert_true(r.orders.stop);
    assert_int_equal(tn_plan_updates(r.plan), 4);
    lab_run_end(&r, TN_RUN_STOPPED);
}

static void what_needs_a_folder_says_so(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char params[300], none[300];
    snprintf(params, sizeof params, "%s/params", folder);
    snprintf(none, sizeof none, "%s/none/x", folder);
    lab_run r;
    tn_run *run = NULL;
    open_alone(&r, NULL);
    lab_run_train(&r, 2);
    assert_fails(tn_run_save(r.run), TN_ERR_ARGUMENT, "no folder to save in");
    assert_fails(tn_run_save_as(r.run, none, false), TN_ERR_IO, none);
    assert_ok(tn_run_save_as(r.run, params, true));
    tn_run_opts opts = opts_of(&r);
    opts.resume = true;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_ARGUMENT, "none to resume");
    opts.resume = false;
    opts.lock_fd = 3;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_ARGUMENT, "none to lock");
    opts.lock_fd = 0;
    opts.folder = folder;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_ARGUMENT, "opts.config");
    opts.config = "{}";
    opts.file = params;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_ARGUMENT, "not from a file");
    opts.folder = NULL;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_FORMAT, "no run can go on from it");
    opts.file = none;
    assert_fails(tn_run_open(&run, &opts), TN_ERR_IO, none);
    assert_null(run);
    lab_run_end(&r, TN_RUN_DONE);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_one_with_a_folder),
        cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(what_needs_a_folder_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
