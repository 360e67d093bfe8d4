/* Which runs there are, and what state each is in. */
#define _DEFAULT_SOURCE /* flock, symlink, mkfifo */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <tenon/runs.h>

#include "lab.h"
#include "lab_set.h"
#include "runs/runs.h"

static const char *root;

static int make(void **state)
{
    (void)state;
    root = lab_make_folder();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    lab_remove(root);
    return 0;
}

/* A run's folder with these files; NULL: it has none. */
static const char *run_with(const char *name, const char *state, const char *log)
{
    const char *folder = lab_path(root, "%s", name);
    lab_mkdir(folder);
    lab_write_text(lab_path(folder, "lock"), "");
    lab_write_text(lab_path(folder, "config.json"), "{\"seed\":1}");
    if (state)
        lab_write_text(lab_path(folder, "state.json"), state);
    if (log)
        lab_write_text(lab_path(folder, "log.jsonl"), log);
    return folder;
}

static int hold(const char *folder)
{
    const int fd = open(lab_path(folder, "lock"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    return fd;
}

static tn_run_info *seen(const char *folder)
{
    tn_run_info *info = NULL;
    assert_ok(tn_run_read(&info, folder));
    return info;
}

#define STEP "{\"e\":\"step\",\"t\":5,\"step\":40,\"loss\":1}\n"
#define END(state, t) \
    "{\"e\":\"end\",\"t\":" t ",\"step\":50,\"state\":\"" state "\",\"reason\":\"why\"}\n"

static void alive_means_that_the_lock_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *why, *state, *log;
        tn_runs_state held, free;
    } cases[] = {
        {"waits", "{\"state\":\"queued\"}", NULL, TN_RUN_IS_QUEUED, TN_RUN_IS_DIED},
        {"starts", "{\"state\":\"starting\"}", NULL, TN_RUN_IS_STARTING, TN_RUN_IS_DIED},
        {"runs", "{\"state\":\"running\",\"updated\":4}", STEP, TN_RUN_IS_RUNNING, TN_RUN_IS_DIED},
        {"stops", "{\"state\":\"stopping\"}", STEP, TN_RUN_IS_STOPPING, TN_RUN_IS_DIED},
        {"done", "{\"state\":\"done\"}", STEP, TN_RUN_IS_DONE, TN_RUN_IS_DONE},
        {"stopped", "{\"state\":\"stopped\"}", STEP, TN_RUN_IS_STOPPED, TN_RUN_IS_STOPPED},
        {"failed", "{\"state\":\"failed\"}", STEP, TN_RUN_IS_FAILED, TN_RUN_IS_FAILED},
        {"a state of no file", "{\"state\":\"died\"}", STEP, TN_RUN_IS_RUNNING, TN_RUN_IS_DIED},
        {"no state yet", NULL, NULL, TN_RUN_IS_RUNNING, TN_RUN_IS_DIED},
        {"a state cut off", "{\"state\":\"run", STEP, TN_RUN_IS_RUNNING, TN_RUN_IS_DIED},
        {"died behind its last line", "{\"state\":\"running\",\"updated\":4.5}",
         STEP END("done", "5"), TN_RUN_IS_RUNNING, TN_RUN_IS_DONE},
        {"that line is of before it was resumed", "{\"state\":\"starting\",\"updated\":6}",
         STEP END("stopped", "5"), TN_RUN_IS_STARTING, TN_RUN_IS_DIED},
        {"a state cut off, and the log says", "{", STEP END("failed", "5"), TN_RUN_IS_RUNNING,
         TN_RUN_IS_FAILED},
        {"a log that says nonsense of its end", "{\"state\":\"running\",\"updated\":1}",
         STEP END("running", "5"), TN_RUN_IS_RUNNING, TN_RUN_IS_DIED},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *folder =
            run_with(lab_path("", "r%d", (int)i) + 1, cases[i].state, cases[i].log);
        const int lock = hold(folder);
        tn_run_info *held = seen(folder);
        close(lock);
        tn_run_info *unheld = seen(folder);
        if (held->state != cases[i].held || unheld->state != cases[i].free || !held->alive ||
            unheld->alive || held->elsewhere || unheld->elsewhere)
            fail_msg("%s: held %s, free %s", cases[i].why, tn_runs_state_name(held->state),
                     tn_runs_state_name(unheld->state));
        tn_run_info_close(held);
        tn_run_info_close(unheld);
    }
}

static void a_run_says_where_it_is(void **state)
{
    (void)state;
    const char *folder =
        run_with("a",
                 "{\"state\":\"running\",\"reason\":null,\"pid\":77,\"host\":\"box\",\"step\":30,"
                 "\"steps\":100,\"epoch\":2,\"eta\":12.5,\"last\":{\"loss\":0.5},\"updated\":4,"
                 "\"device\":\"cpu \\\"x\\\"\",\"future\":[1,{}]}",
                 STEP "{\"e\":\"step\",\"t\":6,\"step\":50}\n{\"e\":\"step\",\"t\":7,\"st");
    lab_mkdir(lab_path(folder, "checkpoints"));
    static const char *const files[] = {"step-00000020.safetensors",
                                        "step-00000040.safetensors",
                                        "step-00000060.safetensors.tenon-1-1.tmp",
                                        "best.safetensors",
                                        "step-.safetensors",
                                        "step-9999999999999999999.safetensors"};
    for (size_t i = 0; i < TN_COUNT(files); i++)
        lab_write_text(lab_path(folder, "checkpoints/%s", files[i]), "");
    tn_run_info *r = seen(lab_path(root, "a/"));
    assert_string_equal(r->name, "a");
    assert_string_equal(r->folder, folder);
    assert_int_equal(r->pid, 77);
    assert_int_equal(r->step, 50);
    assert_int_equal(r->steps, 100);
    assert_int_equal(r->epoch, 2);
    assert_int_equal(r->epochs, -1);
    assert_true(r->eta == 12.5 && r->updated == 4);
    assert_null(r->reason);
    assert_null(r->problem);
    assert_string_equal(r->device, "cpu \"x\"");
    assert_string_equal(r->checkpoint, "checkpoints/step-00000040.safetensors");
    assert_int_equal(r->checkpoint_step, 40);
    assert_true(tn_fields_number(r->all, "last.loss") == 0.5);
    assert_string_equal(tn_fields_text(r->all, "future.0"), "1");
    assert_null(tn_fields_find(r->all, "nothing"));
    assert_int_equal(tn_fields_count(r->all), 12);
    assert_string_equal(tn_fields_at(r->all, 0)->name, "state");
    assert_null(tn_fields_at(r->all, 12));
    tn_run_info_close(r);
}

/* A log of which the last lines are torn, however many. */
static void the_last_line_that_can_be_read_counts(void **state)
{
    (void)state;
    const char *folder = run_with("a", "{\"state\":\"running\",\"step\":3}", STEP);
    FILE *to = fopen(lab_path(folder, "log.jsonl"), "ab");
    assert_non_null(to);
    for (int i = 0; i < 100000; i++)
        fputs("torn\n", to);
    fclose(to);
    tn_run_info *r = seen(folder);
    assert_int_equal(r->step, 40);
    tn_run_info_close(r);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    const char *folder = run_with("a", NULL, STEP);
    tn_run_info *r = NULL;
    assert_int_equal(mkfifo(lab_path(folder, "state.json"), 0600), 0);
    r = seen(folder);
    assert_int_equal(r->state, TN_RUN_IS_DIED);
    assert_int_equal(r->step, 40);
    assert_non_null(strstr(r->problem, "/a/state.json: is not a regular file"));
    tn_run_info_close(r);
    assert_int_equal(unlink(lab_path(folder, "state.json")), 0);
    assert_int_equal(symlink("/etc/hostname", lab_path(folder, "state.json")), 0);
    r = seen(folder);
    assert_non_null(strstr(r->problem, "state.json: is a link"));
    assert_null(r->all);
    tn_run_info_close(r);

    tn_fields *f = NULL;
    r = NULL;
    lab_write_text(lab_path(folder, "config.json"), "[1]");
    assert_fails(tn_run_config_fields(&f, folder), TN_ERR_FORMAT,
                 "/a/config.json: is not a JSON object");
    lab_write_text(lab_path(folder, "config.json"),
                   "{\"seed\":18446744073709551615,\"net\":\"a\\nb\"} \n");
    assert_ok(tn_run_config_fields(&f, folder));
    assert_string_equal(tn_fields_text(f, "net"), "a\nb");
    tn_fields_close(f);
    lab_mkdir(lab_path(root, "none"));
    assert_fails(tn_run_config_fields(&f, lab_path(root, "none")), TN_ERR_IO, "has no config.json");
    assert_fails(tn_run_read(&r, lab_path(root, "none")), TN_ERR_FORMAT, "none: is no run");
    assert_fails(tn_run_read(&r, lab_path(root, "nowhere")), TN_ERR_IO, "nowhere: No such file");
    assert_fails(tn_run_read(&r, lab_path(folder, "lock")), TN_ERR_IO, "Not a directory");
    assert_null(r);
}

static void all_runs_of_a_folder(void **state)
{
    (void)state;
    lab_mkdir(lab_path(root, "runs"));
    char name[300] = "runs/";
    memset(name + 5, 'n', 255);
    name[260] = '\0';
    static const char *const names[] = {
        "runs/b",          "runs/a",    "runs/<img src=x onerror='alert(1)'>",
        "runs/two\nlines", "runs/\xE9", "runs/-rf"};
    for (size_t i = 0; i < TN_COUNT(names); i++)
        run_with(names[i], "{\"state\":\"done\"}", STEP);
    run_with(name, "{\"state\":\"done\"}", STEP);
    lab_mkdir(lab_path(root, "runs/no-run"));
    lab_write_text(lab_path(root, "runs/file"), "");
    run_with("runs/.hidden", "{\"state\":\"done\"}", NULL);
    assert_int_equal(symlink("a", lab_path(root, "runs/linked")), 0);
    const char *const folders[] = {root, lab_path(root, "runs")};
    static const char *const want[] = {
        "-rf", "<img src=x onerror='alert(1)'>", "a", "b", NULL, "two\nlines", "\xE9"};
    for (size_t k = 0; k < TN_COUNT(folders); k++) {
        tn_runs *runs = NULL;
        assert_ok(tn_runs_list(&runs, folders[k]));
        assert_int_equal(tn_runs_count(runs), TN_COUNT(want));
        for (size_t i = 0; i < TN_COUNT(want); i++) {
            const tn_run_info *r = tn_runs_at(runs, (int64_t)i);
            assert_string_equal(r->name, want[i] ? want[i] : name + 5);
            assert_int_equal(r->state, TN_RUN_IS_DONE);
            assert_int_equal(r->step, 40);
        }
        assert_null(tn_runs_at(runs, TN_COUNT(want)));
        assert_null(tn_runs_at(runs, -1));
        tn_runs_close(runs);
    }
    tn_runs *runs = NULL;
    assert_fails(tn_runs_list(&runs, lab_path(root, "nowhere")), TN_ERR_IO, "nowhere");
    assert_null(runs);
}

static void a_run_may_be_called_runs(void **state)
{
    (void)state;
    run_with("runs", "{\"state\":\"done\"}", NULL);
    run_with("other", "{\"state\":\"done\"}", NULL);
    tn_runs *runs = NULL;
    assert_ok(tn_runs_list(&runs, root));
    assert_int_equal(tn_runs_count(runs), 2);
    tn_runs_close(runs);
}

/* The linker hands every flock() to this one, around which a run may begin or end. */
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
static const char *begins, *ends; /* its folder */
static int its_lock;
static bool no_locks; /* as on a file system of the network */

int __wrap_flock(int fd, int operation)
{
    const bool look = operation == (LOCK_SH | LOCK_NB);
    if (no_locks) {
        errno = ENOLCK;
        return -1;
    }
    if (look && ends) {
        lab_write_text(lab_path(ends, "state.json"), "{\"state\":\"done\",\"updated\":9}");
        close(its_lock);
        ends = NULL;
    }
    const int result = __real_flock(fd, operation);
    if (look && begins) {
        const char *folder = begins;
        begins = NULL;
        its_lock = open(lab_path(folder, "lock"), O_RDWR | O_CLOEXEC);
        (void)__real_flock(fd, LOCK_UN);
        assert_int_equal(__real_flock(its_lock, LOCK_EX | LOCK_NB), 0);
        lab_write_text(lab_path(folder, "state.json"), "{\"state\":\"starting\",\"updated\":9}");
    }
    return result;
}

static void who_begins_or_ends_between_two_looks_has_not_died(void **state)
{
    (void)state;
    const char *folder = run_with("a", "{\"state\":\"running\",\"updated\":1}", NULL);
    begins = folder;
    tn_run_info *r = seen(folder);
    assert_null(begins);
    assert_int_equal(r->state, TN_RUN_IS_STARTING);
    assert_true(r->alive);
    tn_run_info_close(r);
    ends = folder;
    r = seen(folder);
    assert_null(ends);
    assert_int_equal(r->state, TN_RUN_IS_DONE);
    tn_run_info_close(r);
}

/* Whether a run lives cannot be known then: whoever asks, or would train there, is told why. */
static void where_there_are_no_locks_is_told(void **state)
{
    (void)state;
    const char *folder = run_with("a", "{\"state\":\"running\",\"updated\":1}", NULL);
    tn_run_folder f;
    no_locks = true;
    tn_run_info *r = seen(folder);
    assert_fails(tn_run_folder_open(&f, folder, 0), TN_ERR_IO, "a run wants a file system with");
    no_locks = false;
    assert_true(!r->alive && strstr(r->problem, "a/lock: No locks available"));
    tn_run_info_close(r);
}

/* And each look at what file system a folder is on, which may be one of the network. */
int __real_fstatfs(int fd, struct statfs *s);
int __wrap_fstatfs(int fd, struct statfs *s);
static bool on_nfs;

int __wrap_fstatfs(int fd, struct statfs *s)
{
    const int result = __real_fstatfs(fd, s);
    if (on_nfs)
        s->f_type = 0x6969;
    return result;
}

static void another_machine_may_hold_a_lock_that_is_not_seen(void **state)
{
    (void)state;
    char boot[64] = "", own[200];
    FILE *from = fopen("/proc/sys/kernel/random/boot_id", "r");
    assert_true(from && fgets(boot, sizeof boot, from));
    fclose(from);
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(own, sizeof own, "{\"state\":\"running\",\"host\":\"box\",\"boot\":\"%s\"}", boot);
    static const char other[] = "{\"state\":\"running\",\"host\":\"box\",\"boot\":\"another\"}";
    const struct {
        const char *why, *state;
        bool nfs;
        tn_runs_state want;
    } cases[] = {
        {"a disk of this machine, which was started again", other, false, TN_RUN_IS_DIED},
        {"another machine", other, true, TN_RUN_IS_RUNNING},
        {"this one, which sees its own locks", own, true, TN_RUN_IS_DIED},
        {"no machine", "{\"state\":\"running\"}", true, TN_RUN_IS_DIED},
        {"it has ended", "{\"state\":\"failed\",\"host\":\"box\"}", true, TN_RUN_IS_FAILED},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        on_nfs = cases[i].nfs;
        tn_run_info *r = seen(run_with(lab_path("", "r%d", (int)i) + 1, cases[i].state, STEP));
        if (r->state != cases[i].want || r->elsewhere != (r->state == TN_RUN_IS_RUNNING))
            fail_msg("%s: %s", cases[i].why, tn_runs_state_name(r->state));
        tn_run_info_close(r);
    }
    on_nfs = false;
}

static tn_status list_them(void *arg)
{
    (void)arg;
    tn_runs *runs = NULL;
    tn_fields *f = NULL;
    tn_status status = tn_runs_list(&runs, root);
    if (status == TN_OK)
        status = tn_run_config_fields(&f, tn_runs_at(runs, 0)->folder);
    tn_fields_close(f);
    tn_runs_close(runs);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *folder = run_with("a", "{\"state\":\"running\"}", STEP END("done", "5"));
    lab_mkdir(lab_path(folder, "checkpoints"));
    lab_write_text(lab_path(folder, "checkpoints/step-00000020.safetensors"), "");
    run_with("b", "{", NULL);
    assert_true(lab_fail_each_allocation(list_them, NULL) > 12);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(alive_means_that_the_lock_is_held),
        IN_A_FOLDER(a_run_says_where_it_is),
        IN_A_FOLDER(the_last_line_that_can_be_read_counts),
        IN_A_FOLDER(what_cannot_be_read_is_told),
        IN_A_FOLDER(all_runs_of_a_folder),
        IN_A_FOLDER(a_run_may_be_called_runs),
        IN_A_FOLDER(who_begins_or_ends_between_two_looks_has_not_died),
        IN_A_FOLDER(where_there_are_no_locks_is_told),
        IN_A_FOLDER(another_machine_may_hold_a_lock_that_is_not_seen),
        IN_A_FOLDER(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
