/* A run's folder: what is in it while a net trains, and who may have it. */
#define _DEFAULT_SOURCE /* flock */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lab_run.h"

static const lab_run_kind plain = {.log_every = 5, .events = true};
static const char *folder;

static int make(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

static bool is_there(const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return lab_exists(path);
}

/* What a file holds, in a static buffer. */
static const char *text_of(const char *name)
{
    static char text[8192];
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there", path);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void a_run_fills_its_folder(void **state)
{
    (void)state;
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    assert_non_null(strstr(text_of("state.json"), "\"state\":\"starting\""));
    lab_run_train(&r, 25);
    assert_non_null(strstr(text_of("state.json"), "\"state\":\"running\""));
    lab_run_end(&r, TN_RUN_DONE);
    assert_non_null(strstr(text_of("state.json"), "\"state\":\"done\""));
    assert_non_null(strstr(text_of("config.json"), "\"version\""));
    assert_int_equal(lab_run_lines(folder, "start", NULL), 1);
    assert_int_equal(lab_run_lines(folder, "step", NULL), 6); /* 1, 5, 10, ... 25 */
    assert_int_equal(lab_run_lines(folder, "epoch", "\"val\":{\"loss\":"), 2);
    assert_int_equal(lab_run_lines(folder, "digest", NULL), 3);
    assert_int_equal(lab_run_lines(folder, "checkpoint", NULL), 3);
    assert_int_equal(lab_run_lines(folder, "end", "\"state\":\"done\""), 1);
    assert_true(is_there("checkpoints/step-00000010.safetensors"));
    assert_true(is_there("checkpoints/step-00000020.safetensors"));
    assert_true(is_there("checkpoints/step-00000025.safetensors"));
    assert_true(is_there("checkpoints/best.safetensors"));
}

static void a_folder_refuses_a_second_run(void **state)
{
    (void)state;
    lab_run first, second;
    lab_run_plan(&first, &plain);
    lab_run_plan(&second, &plain);
    assert_ok(lab_run_open(&first, folder, false));
    assert_fails(lab_run_open(&second, folder, false), TN_ERR_ARGUMENT, "is alive");
    assert_null(second.run);
    lab_run_end(&first, TN_RUN_STOPPED);
    assert_fails(lab_run_open(&second, folder, false), TN_ERR_ARGUMENT, "holds a run already");
    lab_run_end(&second, TN_RUN_DONE);
}

static void a_lock_that_is_held_is_taken_over(void **state)
{
    (void)state;
    char path[1200];
    snprintf(path, sizeof path, "%s/lock", folder);
    const int fd = open(path, O_RDWR | O_CREAT, 0600), other = open(folder, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    lab_run r;
    lab_run_plan(&r, &plain);
    tn_run_opts opts = {.folder = folder,
                        .config = "{}",
                        .plan = r.plan,
                        .device = r.device,
                        .lock_fd = other,
                        .no_events = true};
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "is not the run's lock");
    opts.lock_fd = fd;
    assert_ok(tn_run_open(&r.run, &opts));
    const int look = open(path, O_RDWR);
    assert_int_equal(flock(look, LOCK_EX | LOCK_NB), -1);
    lab_run_end(&r, TN_RUN_DONE);
    assert_int_equal(flock(look, LOCK_EX | LOCK_NB), 0);
    close(look);
}

static void signals_stop_or_save(void **state)
{
    (void)state;
    lab_run r;
    lab_run_plan(&r, &plain);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_train(&r, 3);
    tn_run_signal(r.run, SIGHUP);
    tn_run_signal(r.run, SIGWINCH);
    lab_run_train(&r, 5);
    assert_false(r.orders.stop);
    assert_true(is_there("checkpoints/step-00000004.safetensors"));
    assert_false(is_there("checkpoints/step-00000005.safetensors"));
    tn_run_signal(r.run, SIGTERM);
    lab_run_train(&r, 9);
    assert_true(r.orders.stop);
    assert_int_equal(tn_plan_updates(r.plan), 6);
    assert_true(is_there("checkpoints/step-00000006.safetensors"));
    assert_non_null(strstr(text_of("state.json"), "\"state\":\"stopping\""));
    lab_run_end(&r, TN_RUN_STOPPED);
    assert_non_null(strstr(text_of("state.json"), "\"state\":\"stopped\""));
}

static void what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    lab_run r;
    lab_run_plan(&r, &plain);
    const tn_meta own = {"run.best", "1"};
    tn_run_opts opts = {
        .folder = folder, .config = "[1]", .plan = r.plan, .device = r.device, .meta = &own};
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_FORMAT, "is no JSON object");
    opts.config = "{\"a\": }";
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_FORMAT, "is no JSON from byte");
    opts.config = "{\"a\": \"\xff\"}";
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "no UTF-8 from byte 7 on");
    opts.config = "{\"a\": [{\"b\": 1, \"b\": 2}]}";
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "the member \"b\" twice");
    opts.config = "{\"tenon\": 1}";
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "is the library's to say");
    opts.config = "{}";
    opts.num_meta = 1;
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "run.best");
    opts.num_meta = 0;
    opts.set.log_every = -1;
    assert_fails(tn_run_open(&r.run, &opts), TN_ERR_ARGUMENT, "log_every -1");
    opts.set.log_every = 0;
    assert_ok(tn_run_open(&r.run, &opts));
    assert_fails(tn_run_log(r.run, "loss", 1), TN_ERR_ARGUMENT, "has \"loss\" already");
    assert_fails(tn_run_log(r.run, "a b", 1), TN_ERR_ARGUMENT, "\"a b\"");
    assert_fails(tn_run_event(r.run, "mine", "[]"), TN_ERR_ARGUMENT, "no JSON object");
    assert_fails(tn_run_event(r.run, "mine", "{\"a\": \"\xff\"}"), TN_ERR_ARGUMENT, "in UTF-8");
    assert_ok(tn_run_event(r.run, "mine", "{\"a\": [1, \"\\n\"]}"));
    assert_int_equal(lab_run_lines(folder, "mine", "\"a\":[1,\"\\n\"]}"), 1);
    assert_ok(tn_run_keep(r.run, "x", "1"));
    assert_ok(tn_run_keep(r.run, "x", "2"));
    assert_string_equal(tn_run_kept(r.run, "x"), "2");
    assert_ok(tn_run_keep(r.run, "x", NULL));
    assert_null(tn_run_kept(r.run, "x"));
    lab_run_end(&r, TN_RUN_DONE);
}

static void what_it_was_begun_with_can_be_read(void **state)
{
    (void)state;
    const lab_run_kind kind = {.config = "{\"rate\": 0.1, \"net\": \"a\\nb\"}"};
    lab_run r;
    char *text = NULL;
    assert_fails(tn_run_config(folder, &text), TN_ERR_IO, "holds no run");
    lab_run_plan(&r, &kind);
    assert_ok(lab_run_open(&r, folder, false));
    lab_run_end(&r, TN_RUN_DONE);
    assert_ok(tn_run_config(folder, &text));
    assert_non_null(strstr(text, "\"net\":\t\"a\\nb\""));
    assert_null(strstr(text, "tenon"));
    tn_run_text_free(text);
}

#define IN_A_FOLDER(f) cmocka_unit_test_setup_teardown(f, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_run_fills_its_folder),
        IN_A_FOLDER(a_folder_refuses_a_second_run),
        IN_A_FOLDER(a_lock_that_is_held_is_taken_over),
        IN_A_FOLDER(signals_stop_or_save),
        IN_A_FOLDER(what_cannot_be_is_refused_by_name),
        IN_A_FOLDER(what_it_was_begun_with_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
