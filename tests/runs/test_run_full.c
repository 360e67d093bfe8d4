/* A run that lacks room: a full disk, no memory. It says so, goes on as far as it can, and catches up. */
#define _DEFAULT_SOURCE

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lab_life.h"

static const lab_run_kind plain = {.log_every = 2, .save_steps = 4, .events = true};

/* Files may have so many bytes: beyond, a write is taken in part or not at all, as on a full disk. 0: as many as ever. */
static void limit_files(size_t bytes)
{
    static struct rlimit usual;
    if (usual.rlim_max == 0)
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    struct rlimit now = usual;
    now.rlim_cur = bytes ? bytes : usual.rlim_cur;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static size_t log_bytes(const char *folder)
{
    char path[1200];
    struct stat s;
    snprintf(path, sizeof path, "%s/log.jsonl", folder);
    assert_int_equal(stat(path, &s), 0);
    return (size_t)s.st_size;
}

static void train_whole(const char *folder, int64_t steps)
{
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_train(&r, steps);
    lab_run_end(&r, TN_RUN_DONE);
}

static void a_full_disk_is_told_and_outlived(void **state)
{
    (void)state;
    const char *whole = lab_make_folder(), *folder = lab_make_folder();
    lab_run r;
    train_whole(whole, 26);
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_train(&r, 5);
    assert_null(tn_run_trouble(r.run));
    limit_files(log_bytes(folder) + 30); /* a line will be written in part */
    lab_run_train(&r, 13);               /* past the end of an epoch */
    assert_non_null(strstr(tn_run_trouble(r.run), "log.jsonl: "));
    limit_files(0);
    assert_int_equal(lab_run_lines(folder, "step", NULL), 3); /* 1, 2, 4, whole lines only */
    lab_run_train(&r, 20);
    assert_null(tn_run_trouble(r.run));
    lab_run_train(&r, 26);
    lab_run_end(&r, TN_RUN_DONE);
    assert_true(lab_run_lines(folder, "warn", "\"code\":\"not_saved\"") > 0);
    lab_same_runs("a full disk", whole, folder, true);
    lab_remove(whole);
    lab_remove(folder);
}

static void the_save_of_a_stop_must_be_there(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_train(&r, 5);
    const float zero[LAB_RUN_ROWS * LAB_RUN_WIDE] = {0};
    const tn_tensor x = {TN_F32, TN_SHAPE(LAB_RUN_ROWS, LAB_RUN_WIDE), (void *)(uintptr_t)zero};
    assert_ok(tn_plan_set(r.plan, r.x, x));
    assert_ok(tn_plan_run(r.plan));
    assert_ok(tn_plan_update(r.plan, 0.1F));
    tn_run_signal(r.run, SIGINT);
    limit_files(100);
    assert_fails(tn_run_step(r.run, 0.1F, &r.orders), TN_ERR_IO, "next.safetensors: cannot write");
    limit_files(0);
    assert_ok(tn_run_close(r.run, TN_RUN_FAILED, NULL));
    r.run = NULL;
    assert_int_equal(lab_run_lines(folder, "end", "\"state\":\"failed\",\"reason\":\"/"), 1);
    lab_run_end(&r, TN_RUN_DONE);
    lab_remove(folder);
}

/* All that a run does, once; what it cannot save for lack of memory is put off. */
static tn_status whole_life(const lab_run *r, const char *folder, bool resume)
{
    tn_run *run = NULL;
    tn_run_orders orders;
    const tn_batch batch = {.count = LAB_RUN_ROWS};
    tn_status status = tn_run_open(&run, &(tn_run_opts){.folder = folder,
                                                        .config = "{\"name\": \"\xC3\xA9\"}",
                                                        .plan = r->plan,
                                                        .device = r->device,
                                                        .loss = r->loss.loss,
                                                        .top_1 = r->loss.top_1,
                                                        .resume = resume});
    if (status != TN_OK)
        return status;
    status = tn_run_keep(run, "mine", "text");
    if (status == TN_OK)
        status = tn_run_batch(run, &batch);
    if (status == TN_OK)
        status = tn_run_step(run, 0.1F, &orders);
    if (status == TN_OK)
        status = tn_run_event(run, "mine", "{\"a\": \"\xC3\xA9\"}");
    if (status == TN_OK)
        status = tn_run_save(run);
    if (status == TN_OK)
        status = tn_run_epoch(run, NULL, NULL);
    const tn_status closed =
        tn_run_close(run, status == TN_OK ? TN_RUN_DONE : TN_RUN_FAILED, "\xff");
    return status != TN_OK ? status : closed;
}

static void check_memory(bool resume)
{
    lab_run r;
    lab_run_plan(&r, &plain);
    const long before = tn_alloc_live();
    long failed = 0;
    for (long nth = 1;; nth++) {
        const char *folder = lab_make_folder();
        if (resume)
            assert_ok(whole_life(&r, folder, false));
        const long total = tn_alloc_total();
        tn_alloc_fail_at(nth);
        const tn_status status = whole_life(&r, folder, resume);
        const bool all = tn_alloc_total() - total < nth;
        tn_alloc_fail_at(0);
        if (status != TN_OK && status != TN_ERR_MEMORY)
            fail_msg("allocation %ld: %s", nth, tn_error());
        failed += status != TN_OK;
        assert_int_equal(tn_alloc_live(), before);
        assert_ok(whole_life(&r, folder, true)); /* whatever it was, it can be resumed */
        lab_remove(folder);
        if (all)
            break;
    }
    assert_true(failed > 20);
    lab_run_end(&r, TN_RUN_DONE);
}

static void no_allocation_is_taken_for_granted(void **state)
{
    (void)state;
    check_memory(false);
    check_memory(true);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_told_and_outlived),
        cmocka_unit_test(the_save_of_a_stop_must_be_there),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
