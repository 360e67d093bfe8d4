/* Asking a run: the answer, in time or not; what is not alive says so at once. */
#define _DEFAULT_SOURCE /* usleep, kill */

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "lab_run.h"

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

static char *path_of(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A process that trains until it is told to stop, with a breath between two steps; or makes one step and no other. */
static pid_t start(bool steps)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const lab_run_kind kind = {.log_every = 1000};
        lab_run r;
        alarm(60);
        lab_run_plan(&r, &kind);
        if (lab_run_open(&r, folder, false) != TN_OK)
            _exit(3);
        for (int64_t i = 1; !r.orders.stop; i++) {
            if (steps || i == 1)
                lab_run_train(&r, i);
            usleep(2000);
        }
        lab_run_end(&r, TN_RUN_STOPPED);
        _exit(0);
    }
    while (!lab_exists(path_of("log.jsonl")) || lab_run_lines(folder, "step", NULL) == 0)
        usleep(2000);
    return child;
}

static int end_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int orders_left(void)
{
    return lab_entries(path_of("control"));
}

static void a_run_answers(void **state)
{
    (void)state;
    tn_run_answer a;
    const pid_t child = start(true);
    assert_ok(tn_run_ask(folder, "{\"order\":\"set\",\"set\":{\"rate_scale\":0.5}}", 20, &a));
    assert_true(a.applied && !a.waits && a.step > 0 && a.why[0] == '\0');
    assert_int_equal(lab_run_lines(folder, "order", a.id), 1);
    const int64_t first = a.step;
    assert_ok(tn_run_ask(folder, "{\"v\":1,\"order\":\"set\",\"set\":{\"epochs\":2}}", 20, &a));
    assert_true(!a.applied && !a.waits && a.step >= first);
    assert_string_equal(a.why, "epochs: this run has no number of them");
    assert_ok(tn_run_ask(
        folder, "{\"order\":\"set\",\"set\":{\"keep\":2},\"at_step\":1000000,\"by\":\"anna\"}",
        0.05, &a));
    assert_true(!a.applied && a.waits);
    assert_int_equal(orders_left(), 1);
    assert_ok(tn_run_ask(folder, "{\"order\":\"stop\"}", 20, &a));
    assert_true(a.applied);
    assert_int_equal(end_of(child), 0);
    assert_int_equal(orders_left(), 1); /* the one that waits */
}

static void what_is_no_order_is_not_written(void **state)
{
    (void)state;
    tn_run_answer a;
    const pid_t child = start(false);
    assert_fails(tn_run_ask(folder, "stop", 20, &a), TN_ERR_ARGUMENT, "is no JSON object");
    assert_fails(tn_run_ask(folder, "{\"order\":\"set\",\"set\":{\"batch\":2}}", 20, &a),
                 TN_ERR_ARGUMENT, "order: \"batch\" cannot be set while a run trains");
    assert_fails(tn_run_ask(folder, "{\"order\":\"stop\"}", (double)NAN, &a), TN_ERR_ARGUMENT,
                 "nan s are no time to wait");
    assert_fails(tn_run_ask(path_of("nowhere"), "{\"order\":\"stop\"}", 20, &a), TN_ERR_IO,
                 "nowhere");
    assert_int_equal(orders_left(), 0);
    kill(child, SIGKILL);
    assert_int_equal(end_of(child), 128 + SIGKILL);
}

/* An order that was not answered in time is never obeyed. */
static void an_order_is_taken_back(void **state)
{
    (void)state;
    tn_run_answer a;
    const pid_t child = start(false);
    assert_fails(tn_run_ask(folder, "{\"order\":\"stop\"}", 0.05, &a), TN_END,
                 "not answered within 0.05 s, and taken back");
    assert_int_equal(orders_left(), 0);
    kill(child, SIGKILL);
    assert_int_equal(end_of(child), 128 + SIGKILL);
    const double began = tn_now();
    assert_fails(tn_run_ask(folder, "{\"order\":\"stop\"}", 30, &a), TN_ERR_ARGUMENT,
                 "the run is not alive: died");
    assert_true(tn_now() - began < 15);
    assert_int_equal(orders_left(), 0);
}

/* Killed while somebody waits: he is told, and the order is gone. */
static void a_run_may_die_meanwhile(void **state)
{
    (void)state;
    tn_run_answer a;
    const pid_t child = start(false), killer = fork();
    if (killer == 0) {
        usleep(50000);
        kill(child, SIGKILL);
        _exit(0);
    }
    assert_fails(tn_run_ask(folder, "{\"order\":\"snapshot\"}", 30, &a), TN_ERR_ARGUMENT,
                 "has ended before it answered");
    assert_int_equal(orders_left(), 0);
    assert_int_equal(end_of(child), 128 + SIGKILL);
    assert_int_equal(end_of(killer), 0);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_run_answers),
        WITH_FOLDER(what_is_no_order_is_not_written),
        WITH_FOLDER(an_order_is_taken_back),
        WITH_FOLDER(a_run_may_die_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
