/*
 * Programs that wait for slots: all get in, never more than there are at once, in the order in which they came, whoever is killed
 * meanwhile.
 */
#define _DEFAULT_SOURCE /* usleep, kill */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "base/thread.h"
#include "lab_queue.h"

static int make(void **state)
{
    (void)state;
    lab_queue_begin();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    lab_queue_end();
    return 0;
}

/* ---- fifty jobs on two slots ---------------------------------------------------------------------- */

enum { JOBS = 50, SLOTS = 2 };

/* Of jobs whose names are numbers in the order of their tickets: never more than the slots, each slot one at a time; and when one
 * begins at most those who came before it have not that have a slot waiting for them. */
static void assert_orderly(const bool *killed)
{
    static lab_line all[4 * JOBS];
    const int count = lab_queue_log(all, 4 * JOBS);
    bool begun[JOBS] = {false}, taken[SLOTS] = {false};
    for (int i = 0; i < count; i++) {
        const int job = atoi(all[i].name), slot = atoi(all[i].device + strlen("toy:"));
        const bool begins = strcmp(all[i].what, "begin") == 0;
        int before = 0;
        if (job >= JOBS || killed[job])
            continue; /* the lines of who is killed while he begins say nothing */
        if (taken[slot] == begins)
            fail_msg("slot %d is %s twice, by job %d", slot, begins ? "taken" : "left", job);
        taken[slot] = begins;
        for (int j = 0; j < job && begins; j++)
            before += !begun[j] && !killed[j];
        if (before >= SLOTS)
            fail_msg("job %d begins before %d others that came before it", job, before);
        begun[job] |= begins;
    }
    for (int i = 0; i < JOBS; i++)
        if (!begun[i] && !killed[i])
            fail_msg("job %d has never begun", i);
}

static void fifty_jobs_on_two_slots(void **state)
{
    (void)state;
    pid_t pid[JOBS];
    bool killed[JOBS] = {false};
    char name[16];
    tn_random r = tn_random_begin((uint64_t)getpid(), TN_RANDOM_TEST, 0);
    lab_queue_slots("toy", SLOTS);
    const pid_t holder[SLOTS] = {lab_queue_start("98", "toy:0,wide", 0, 60000000),
                                 lab_queue_start("99", "toy:1", 0, 60000000)};
    lab_queue_until_begun("98");
    lab_queue_until_begun("99");
    for (int i = 0; i < JOBS; i++) { /* one by one, so that their tickets are in their order */
        snprintf(name, sizeof name, "%d", i);
        pid[i] = lab_queue_start(name, "toy", 0, 1000 * (int)tn_random_below(&r, 4));
        lab_queue_until_tickets(i + 1);
    }
    for (int i = 0; i < SLOTS; i++)
        kill(holder[i], SIGKILL);
    for (int i = 0; i < 15; i++) {
        const int victim = (int)tn_random_below(&r, JOBS);
        snprintf(name, sizeof name, "%d", victim);
        if (!killed[victim] && !lab_queue_has_begun(name)) {
            killed[victim] = true;
            kill(pid[victim], SIGKILL);
        }
        usleep(500 * (useconds_t)tn_random_below(&r, 8));
    }
    for (int i = 0; i < JOBS; i++) {
        const int status = lab_queue_end_of(pid[i]);
        if (status != 0 && !killed[i])
            fail_msg("job %d ended with %d", i, status);
    }
    for (int i = 0; i < SLOTS; i++)
        assert_int_equal(lab_queue_end_of(holder[i]), 128 + SIGKILL);
    assert_orderly(killed);
    assert_int_equal(lab_entries(lab_queue_path("queue")), 1);
}

/* ---- who keeps what ------------------------------------------------------------------------------- */

static void who_came_before_keeps_what_it_waits_for(void **state)
{
    (void)state;
    lab_queue_slots("toy", 2);
    const pid_t a = lab_queue_start("a", "toy:0", 0, 600000);
    lab_queue_until_begun("a");
    const pid_t both = lab_queue_start("both", "toy:0-1,x=1", 0, 1000);
    lab_queue_until_tickets(1);
    const pid_t small = lab_queue_start("small", "toy", 0, 1000); /* toy-1 is free, and kept */
    lab_queue_until_tickets(2);
    assert_false(lab_queue_has_begun("small"));
    assert_int_equal(lab_queue_end_of(a), 0);
    assert_int_equal(lab_queue_end_of(both), 0);
    assert_int_equal(lab_queue_end_of(small), 0);
    lab_line all[8];
    assert_int_equal(lab_queue_log(all, 8), 6);
    assert_string_equal(all[2].name, "both");
    assert_string_equal(all[2].device, "toy:0-1,x=1");
    assert_string_equal(all[4].name, "small");
    assert_string_equal(all[4].device, "toy:0");
}

static void what_nobody_before_waits_for_is_given(void **state)
{
    (void)state;
    lab_queue_slots("toy", 2);
    const pid_t a = lab_queue_start("a", "toy:0", 0, 30000000);
    lab_queue_until_begun("a");
    const pid_t b = lab_queue_start("b", "toy:0", 0, 1000);
    lab_queue_until_tickets(1);
    const pid_t c = lab_queue_start("c", "toy,opt=on", 0, 1000);
    assert_int_equal(lab_queue_end_of(c), 0);
    assert_false(lab_queue_has_begun("b"));
    kill(a, SIGKILL); /* a slot is free however its program ends */
    assert_int_equal(lab_queue_end_of(a), 128 + SIGKILL);
    assert_int_equal(lab_queue_end_of(b), 0);
    lab_line all[8];
    assert_int_equal(lab_queue_log(all, 8), 5);
    assert_string_equal(all[1].device, "toy:1,opt=on");
}

/* What was promised to one is not promised to another, though he has not taken it yet. */
static void memory_is_promised_once(void **state)
{
    (void)state;
    unsigned long long kib = 0;
    char text[256];
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(text, sizeof text, f) && sscanf(text, "MemAvailable: %llu", &kib) != 1)
        ;
    if (f)
        fclose(f);
    assert_true(kib > 0);
    lab_queue_slots("toy", 2);
    const pid_t a = lab_queue_start("a", "toy", kib * 1024 / 10 * 6, 30000000);
    lab_queue_until_begun("a");
    const pid_t b = lab_queue_start("b", "toy", kib * 1024 / 10 * 6, 1000);
    lab_queue_until_tickets(1);
    usleep(100000);
    assert_false(lab_queue_has_begun("b"));
    kill(a, SIGKILL);
    lab_queue_end_of(a);
    assert_int_equal(lab_queue_end_of(b), 0);
    tn_queue *place = NULL;
    assert_fails(tn_queue_wait(&place, &(tn_queue_opts){.folder = lab_queue_folder(),
                                                        .name = "huge",
                                                        .device = "toy",
                                                        .host_bytes = SIZE_MAX / 4}),
                 TN_ERR_MEMORY, "bytes of memory are wanted, and the machine has");
    assert_int_equal(lab_entries(lab_queue_path("queue")), 1);
}

/* ---- runs that wait --------------------------------------------------------------------------------- */

static void a_run_says_that_it_waits(void **state)
{
    (void)state;
    tn_run_info *info;
    tn_run_answer answer;
    lab_queue_slots("toy", 1);
    assert_int_equal(mkdir(lab_queue_path("runs"), 0777), 0);
    const pid_t a = lab_queue_start("a", "toy", 0, 30000000);
    lab_queue_until_begun("a");
    const pid_t b = lab_queue_start("rb", "toy", 0, 1000);
    lab_queue_until_tickets(1);
    for (int i = 0; i < 5000; i++, usleep(1000)) {
        assert_ok(tn_run_read(&info, lab_queue_path("runs/rb")));
        if (info->reason)
            break;
        tn_run_info_close(info);
    }
    assert_int_equal(info->state, TN_RUN_IS_QUEUED);
    assert_true(info->alive);
    assert_non_null(strstr(info->reason, "0 before it; waits for toy-0"));
    tn_run_info_close(info);
    assert_true(lab_exists(lab_queue_path("runs/rb/command.json")));
    assert_ok(tn_run_ask(lab_queue_path("runs/rb"), "{\"order\":\"snapshot\"}", 0, &answer));
    assert_true(answer.waits);
    assert_ok(tn_run_ask(lab_queue_path("runs/rb"), "{\"order\":\"stop\"}", 20, &answer));
    assert_true(answer.applied);
    assert_int_equal(lab_queue_end_of(b), 7);
    assert_ok(tn_run_read(&info, lab_queue_path("runs/rb")));
    assert_int_equal(info->state, TN_RUN_IS_STOPPED);
    tn_run_info_close(info);
    const pid_t c = lab_queue_start("rc", "toy", 0, 1000),
                d = lab_queue_start("rd", "toy", 0, 1000);
    lab_queue_until_tickets(2);
    kill(c, SIGTERM);
    assert_int_equal(lab_queue_end_of(c), 7);
    kill(d, SIGKILL);
    lab_queue_end_of(d);
    assert_ok(tn_run_read(&info, lab_queue_path("runs/rd")));
    assert_int_equal(info->state, TN_RUN_IS_DIED);
    tn_run_info_close(info);
    kill(a, SIGKILL);
    lab_queue_end_of(a);
}

/* ---- cores ------------------------------------------------------------------------------------------ */

static void the_thread_is_bound_to_its_cores(void **state)
{
    (void)state;
    tn_queue *place = NULL;
    int before[64], after[64];
    char name[64];
    const int cores = tn_cores_list(before, 64);
    assert_ok(tn_queue_wait(
        &place,
        &(tn_queue_opts){.folder = lab_queue_folder(), .name = "one", .device = "cpu,threads=1"}));
    assert_string_equal(tn_queue_device(place), "cpu,threads=1");
    assert_int_equal(tn_queue_lock(place), 0);
    assert_int_equal(tn_cores_list(after, 64), 1);
    assert_int_equal(after[0], before[0]);
    snprintf(name, sizeof name, "slots/cpu-%d", before[0]);
    assert_true(lab_exists(lab_queue_path(name)));
    tn_queue_leave(place);
    assert_int_equal(tn_cores_list(after, 64), cores);
    assert_ok(tn_queue_wait(
        &place, &(tn_queue_opts){.folder = lab_queue_folder(), .name = "all", .device = "cpu"}));
    assert_int_equal(tn_cores_list(after, 64), lab_entries(lab_queue_path("slots")));
    tn_queue_leave(place);
}

/* ---- what cannot be ---------------------------------------------------------------------------------- */

static void what_cannot_be_is_an_error_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *device;
        tn_status status;
        const char *error;
    } cases[] = {
        {"toy:2", TN_ERR_ARGUMENT, "1 of toy are wanted by their numbers, and"},
        {"toy:0-5", TN_ERR_ARGUMENT, "6 of toy are wanted"},
        {"other", TN_ERR_ARGUMENT, "other has 0|slots has 0 (a file other-NUMBER each)"},
        {"cpu,threads=100", TN_ERR_ARGUMENT, "100 of cpu are wanted"},
        {"cpu,threads=0", TN_ERR_ARGUMENT, "\"cpu,threads=0\" is no device"},
        {"mpi:cuda", TN_ERR_UNSUPPORTED, "which mpirun starts"},
        {"", TN_ERR_ARGUMENT, "\"\" is no device"},
        {"cuda:", TN_ERR_ARGUMENT, "is no device"},
        {"cuda:1-", TN_ERR_ARGUMENT, "is no device"},
        {"cuda:3-1", TN_ERR_ARGUMENT, "is no device"},
        {"cuda:1,1", TN_ERR_ARGUMENT, "is no device"},
        {"cuda:99999", TN_ERR_ARGUMENT, "is no device"},
        {"cuda:0-99", TN_ERR_ARGUMENT, "is no device"},
        {"../x", TN_ERR_ARGUMENT, "is no device"},
        {"toy,1", TN_ERR_ARGUMENT, "is no device"},
    };
    tn_queue *place = NULL;
    lab_queue_slots("toy", 2);
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *error = strchr(cases[i].error, '|');
        assert_fails(tn_queue_wait(&place, &(tn_queue_opts){.folder = lab_queue_folder(),
                                                            .name = "x",
                                                            .device = cases[i].device}),
                     cases[i].status, error ? error + 1 : cases[i].error);
    }
    assert_fails(
        tn_queue_wait(
            &place, &(tn_queue_opts){.folder = lab_queue_folder(), .name = "a/b", .device = "toy"}),
        TN_ERR_ARGUMENT, "cannot be the name of a ticket");
    assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "1", 1), 0);
    assert_fails(
        tn_queue_wait(
            &place, &(tn_queue_opts){.folder = lab_queue_folder(), .name = "x", .device = "cuda"}),
        TN_ERR_ARGUMENT, "CUDA_VISIBLE_DEVICES is \"1\"");
    assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
    assert_int_equal(unsetenv("TENON_SLOTS"), 0);
    assert_fails(tn_queue_wait(&place, &(tn_queue_opts){.name = "x", .device = "toy"}),
                 TN_ERR_ARGUMENT, "TENON_SLOTS does not name one");
    assert_null(place);
}

/* Things in the folder that are no tickets, or of somebody who lies. */
static void strange_files_are_passed_over(void **state)
{
    (void)state;
    static const char *const names[] = {
        "00000001-dead",         "00000002-", "7-short", "00000003x", "0000000000000000000000004-x",
        "00000005-<img onerror>"};
    tn_queue *place = NULL;
    lab_queue_slots("toy", 1);
    assert_int_equal(mkdir(lab_queue_path("queue"), 0777), 0);
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        char name[100];
        snprintf(name, sizeof name, "queue/%s", names[i]);
        FILE *f = fopen(lab_queue_path(name), "w");
        assert_non_null(f);
        fputs("{\"device\":\"toy\",\"host_bytes\":1e300}", f);
        fclose(f);
    }
    assert_int_equal(mkdir(lab_queue_path("queue/00000009-folder"), 0777), 0);
    assert_int_equal(symlink("/dev/zero", lab_queue_path("slots/toy-7")), 0);
    assert_int_equal(mkfifo(lab_queue_path("slots/toy-8"), 0666), 0);
    assert_ok(tn_queue_wait(
        &place, &(tn_queue_opts){.folder = lab_queue_folder(), .name = "x", .device = "toy"}));
    assert_string_equal(tn_queue_device(place), "toy:0");
    tn_queue_leave(place);
}

int main(int argc, char **argv)
{
    lab_queue_main(argc, argv);
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, clean)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(fifty_jobs_on_two_slots),
        WITH_FOLDER(who_came_before_keeps_what_it_waits_for),
        WITH_FOLDER(what_nobody_before_waits_for_is_given),
        WITH_FOLDER(memory_is_promised_once),
        WITH_FOLDER(a_run_says_that_it_waits),
        WITH_FOLDER(the_thread_is_bound_to_its_cores),
        WITH_FOLDER(what_cannot_be_is_an_error_at_once),
        WITH_FOLDER(strange_files_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
