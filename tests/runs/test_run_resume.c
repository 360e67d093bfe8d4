/* What a run goes on from: the newest checkpoint that is whole, with the config that it began with. */
#define _DEFAULT_SOURCE

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab_life.h"

static const lab_run_kind plain = {
    .log_every = 5,
    .save_steps = 5,
    .config = "{\"rate\": 0.1, \"net\": {\"name\": \"a\", \"device\": \"cuda:0\"}}"};
static const char *folder;

static int make(void **state)
{
    (void)state;
    folder = lab_make_folder();
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_train(&r, 17);
    lab_run_end(&r, TN_RUN_DONE); /* 5, 10, 15, 17; the first one is gone */
    return 0;
}

static int clean(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[1300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* One bit of the file, counted from its end, is another. */
static void damage(const char *name, long from_end)
{
    FILE *f = fopen(path_of(name), "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
    const int c = fgetc(f);
    assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
    fputc(c ^ 1, f);
    fclose(f);
}

/* Where it goes on; below 0: it does not, and says so. */
static int64_t resumes_at(const lab_run_kind *kind, tn_status status, const char *error)
{
    lab_run r;
    lab_run_plan(&r, kind);
    int64_t step = -1;
    if (error)
        assert_fails(lab_run_open(&r, folder, true), status, error);
    else
        assert_ok(lab_run_open(&r, folder, true));
    if (r.run)
        step = tn_plan_updates(r.plan);
    lab_run_end(&r, TN_RUN_STOPPED);
    return step;
}

#define STEP(n) "checkpoints/step-000000" #n ".safetensors"

static void a_damaged_one_is_named_and_the_one_before_taken(void **state)
{
    (void)state;
    damage(STEP(17), 1);    /* a number */
    damage(STEP(15), 2000); /* the header */
    assert_int_equal(resumes_at(&plain, TN_OK, NULL), 10);
    assert_int_equal(lab_run_lines(folder, "warn", STEP(17) ": its digest is"), 1);
    assert_int_equal(lab_run_lines(folder, "warn", STEP(15) ": its digest is"), 1);
    assert_int_equal(lab_run_lines(folder, "resume", "\"step\":10,\"from\":\"" STEP(10) "\""), 1);
    assert_true(lab_exists(path_of(STEP(17) ".damaged")));
    assert_false(lab_exists(path_of(STEP(17))));
}

static void one_that_was_cut_is_none(void **state)
{
    (void)state;
    assert_int_equal(truncate(path_of(STEP(17)), 900), 0);
    assert_int_equal(resumes_at(&plain, TN_OK, NULL), 15);
}

static void where_none_is_whole_it_says_so(void **state)
{
    (void)state;
    damage(STEP(17), 1);
    damage(STEP(15), 1);
    damage(STEP(10), 1);
    assert_int_equal(
        resumes_at(&plain, TN_ERR_FORMAT, "none of its 3 checkpoints is whole; the oldest: "), -1);
    assert_true(lab_exists(path_of(STEP(17)))); /* all are as they were */
    unlink(path_of(STEP(17)));
    unlink(path_of(STEP(15)));
    unlink(path_of(STEP(10)));
    assert_int_equal(
        resumes_at(&plain, TN_ERR_IO, "its log tells of checkpoints, and none is there"), -1);
}

static void without_its_log_it_goes_on_all_the_same(void **state)
{
    (void)state;
    unlink(path_of("log.jsonl"));
    assert_int_equal(resumes_at(&plain, TN_OK, NULL), 17);
    assert_int_equal(lab_run_lines(folder, "start", NULL), 1);
}

static void another_config_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *config, *error;
    } cases[] = {
        {"{\"rate\": 0.2, \"net\": {\"name\": \"a\", \"device\": \"cuda:0\"}}",
         "rate was 0.1 and is 0.2 now"},
        {"{\"rate\": 0.1, \"net\": {\"name\": \"b\", \"device\": \"cuda:0\"}}",
         "net.name was \"a\" and is \"b\" now"},
        {"{\"rate\": 0.1, \"net\": {\"name\": \"a\", \"device\": \"cpu\"}}",
         "net.device was \"cuda:0\" and is \"cpu\" now"},
        {"{\"rate\": 0.1}", "net was {\"name\":\"a\",\"device\":\"cuda:0\"} and is not there now"},
        {"{\"rate\": 0.1, \"decay\": 0, \"net\": {\"name\": \"a\", \"device\": \"cuda:0\"}}",
         "decay was not there and is 0 now"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const lab_run_kind other = {.config = cases[i].config};
        assert_int_equal(resumes_at(&other, TN_ERR_ARGUMENT, cases[i].error), -1);
    }
    const lab_run_kind same = {.log_every = 7,
                               .config =
                                   "{\"net\": {\"device\": \"mpi:cuda:3,graph=off\", \"name\": "
                                   "\"a\"}, \"rate\": 0.1, \"threads\": 4}"};
    assert_int_equal(resumes_at(&same, TN_OK, NULL), 17);
}

static void what_is_said_anew_is_meant(void **state)
{
    (void)state;
    lab_run_kind other = plain;
    other.log_every = 2;
    lab_run r;
    lab_run_plan(&r, &other);
    assert_ok(lab_run_open(&r, folder, true));
    assert_int_equal(r.orders.set.log_every, 2);
    assert_int_equal(r.orders.set.keep, 3);
    lab_run_end(&r, TN_RUN_STOPPED);
}

static void a_torn_line_is_cut_off(void **state)
{
    (void)state;
    FILE *f = fopen(path_of("log.jsonl"), "a");
    assert_non_null(f);
    fputs("{\"e\":\"step\",\n\n{\"e\":\"step\",\"t\":12", f);
    fclose(f);
    assert_int_equal(resumes_at(&plain, TN_OK, NULL), 17);
    assert_int_equal(lab_run_lines(folder, "", NULL),
                     lab_run_lines(folder, "", "}\n")); /* all are whole */
}

static void a_file_that_was_bad_before_is_not_told_again(void **state)
{
    (void)state;
    const char *set = lab_make_folder();
    char path[1200];
    snprintf(path, sizeof path, "%s/a", set);
    assert_int_equal(mkdir(path, 0700), 0);
    for (int i = 0; i < 8; i++) { /* one pixel each, and one that is none */
        snprintf(path, sizeof path, "%s/a/%d.ppm", set, i);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(i == 3 ? "P6 1 1 255\n" : "P6 1 1 255\nabc", f);
        fclose(f);
    }
    const char *other = lab_make_folder();
    for (int life = 0; life < 3; life++) {
        lab_run r;
        tn_dataset *data = NULL;
        tn_loader *loader = NULL;
        tn_batch b;
        assert_ok(tn_dataset_open(&data, &(tn_dataset_opts){.path = set}));
        assert_ok(tn_loader_open(
            &loader, data, &(tn_loader_opts){.batch = 2, .height = 1, .width = 1, .max_bad = 50}));
        lab_run_plan(&r, &plain);
        assert_ok(tn_run_open(&r.run, &(tn_run_opts){.folder = other,
                                                     .config = "{}",
                                                     .plan = r.plan,
                                                     .device = r.device,
                                                     .loader = loader,
                                                     .resume = true}));
        for (int i = 0; i < 4; i++) {
            const float zero[LAB_RUN_ROWS * LAB_RUN_WIDE] = {0};
            const int32_t label[LAB_RUN_ROWS] = {0};
            assert_ok(tn_loader_next(loader, &b));
            assert_int_equal(b.epoch, life);
            assert_ok(tn_run_batch(r.run, &b));
            assert_ok(tn_plan_set(r.plan, r.x,
                                  (tn_tensor){TN_F32, TN_SHAPE(LAB_RUN_ROWS, LAB_RUN_WIDE),
                                              (void *)(uintptr_t)zero}));
            assert_ok(
                tn_plan_set(r.plan, r.label,
                            (tn_tensor){TN_I32, TN_SHAPE(LAB_RUN_ROWS), (void *)(uintptr_t)label}));
            assert_ok(tn_plan_run(r.plan));
            assert_ok(tn_plan_update(r.plan, 0.1F));
            assert_ok(tn_run_step(r.run, 0.1F, &r.orders));
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
        assert_ok(tn_run_epoch(r.run, NULL, NULL));
        assert_int_equal(tn_loader_num_bad(loader), 1);
        lab_run_end(&r, TN_RUN_STOPPED);
        tn_loader_close(loader);
        tn_dataset_close(data);
    }
    snprintf(path, sizeof path, "%s/log.jsonl", other);
    assert_int_equal(lab_run_lines(other, "bad_file", "3.ppm"), 1);
    lab_remove(other);
    lab_remove(set);
}

/* Twice through the same steps, which come to the same. */
static void it_can_go_back(void **state)
{
    (void)state;
    const char *other = lab_make_folder();
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, other, false));
    assert_fails(tn_run_back(r.run, 100), TN_ERR_IO, "no checkpoint of a step before 100");
    for (int life = 0; life < 3; life++) {
        lab_run_train(&r, 23);
        assert_ok(tn_run_keep(r.run, "life", life == 0 ? "first" : NULL));
        assert_ok(tn_run_back(r.run, life == 0 ? 100 : 20));
        assert_null(tn_run_kept(r.run, "life"));
        assert_int_equal(tn_plan_updates(r.plan), life == 0 ? 20 : 15);
        r.orders = tn_run_current(r.run);
        tn_run_position(r.run, &r.epoch, &r.index);
    }
    lab_run_train(&r, 17);
    lab_run_end(&r, TN_RUN_DONE);
    lab_same_runs("gone back", folder, other, true); /* other checkpoints were too many */
    lab_remove(other);
}

#define OF_A_RUN(f) cmocka_unit_test_setup_teardown(f, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_A_RUN(a_damaged_one_is_named_and_the_one_before_taken),
        OF_A_RUN(one_that_was_cut_is_none),
        OF_A_RUN(where_none_is_whole_it_says_so),
        OF_A_RUN(without_its_log_it_goes_on_all_the_same),
        OF_A_RUN(another_config_is_refused_by_name),
        OF_A_RUN(what_is_said_anew_is_meant),
        OF_A_RUN(a_torn_line_is_cut_off),
        OF_A_RUN(it_can_go_back),
        cmocka_unit_test(a_file_that_was_bad_before_is_not_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
