/*
 * What cuDNN has chosen, on disk: taken from there the next time, also by threads that come at once, unless it
 * is damaged.
 */
#define _POSIX_C_SOURCE 200809L /* setenv, opendir */

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/cuda/lab_small.h"
#include "lab_sim.h"

enum { DEVICES = 8 };

/* Plans in the folder, the path of one of them; nothing else may be there. */
static int count_plans(const char *folder, char *one, size_t size)
{
    DIR *d = opendir(folder);
    int plans = 0;
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        const char *ending = strrchr(e->d_name, '.');
        if (!ending || strcmp(ending, ".plan") != 0)
            fail_msg("%s/%s is no plan", folder, e->d_name);
        snprintf(one, size, "%s/%s", folder, e->d_name);
        plans++;
    }
    closedir(d);
    return plans;
}

static float train(int device)
{
    char name[32];
    lab_small s;
    float loss;
    snprintf(name, sizeof name, "sim:%d,deterministic=on", device);
    assert_ok(lab_small_open(&s, name, (tn_plan_opts){.optim = tn_sgd(NULL)}));
    for (int i = 0; i < 3; i++)
        assert_ok(lab_small_step(&s, i, 0.01F));
    assert_ok(lab_small_loss(&s, &loss));
    lab_small_close(&s);
    return loss;
}

typedef struct task {
    int device;
    float loss;
} task;

static void *train_one(void *argument)
{
    task *t = argument;
    t->loss = train(t->device);
    return NULL;
}

static void train_all(task t[DEVICES])
{
    pthread_t thread[DEVICES];
    for (int i = 0; i < DEVICES; i++) {
        t[i] = (task){i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, train_one, &t[i]), 0);
    }
    for (int i = 0; i < DEVICES; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static void devices_share_what_was_chosen(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const char *folder = lab_make_folder();
    task t[DEVICES];
    char path[1024];
    setenv("TENON_CACHE", folder, 1);
    train_all(t); /* who is late finds what another one has written */
    const int plans = count_plans(folder, path, sizeof path);
    assert_true(plans > 0);
    for (int i = 1; i < DEVICES; i++)
        assert_true(t[i].loss == t[0].loss);
    sim->trace_begin();
    assert_true(train(3) == t[0].loss);
    assert_int_equal(count_plans(folder, path, sizeof path), plans);
    const long taken = sim->trace_calls("cudnnBackendFinalize");
    setenv("TENON_CACHE", "off", 1);
    sim->trace_begin();
    assert_true(train(3) == t[0].loss);
    assert_true(taken < sim->trace_calls("cudnnBackendFinalize")); /* no engines were looked for */
    lab_remove(folder);
    sim->check_leaks();
}

static void damage_is_noticed(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const char *folder = lab_make_folder();
    char path[1024], other[1024];
    setenv("TENON_CACHE", folder, 1);
    const float loss = train(0);
    const int plans = count_plans(folder, path, sizeof path);
    const struct {
        const char *why;
        long at; /* from the end if below 0 */
    } cases[] = {{"the plan", -1}, {"the checksum", 15}, {"the engine", 60}, {"what it is", 0}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        assert_int_equal(fseek(f, cases[i].at, cases[i].at < 0 ? SEEK_END : SEEK_SET), 0);
        const int byte = fgetc(f);
        assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
        fputc(byte ^ 1, f);
        fclose(f);
        assert_true(train(0) == loss);
        assert_int_equal(count_plans(folder, other, sizeof other), plans);
        f = fopen(path, "rb"); /* it was made anew */
        assert_non_null(f);
        assert_int_equal(fseek(f, cases[i].at, cases[i].at < 0 ? SEEK_END : SEEK_SET), 0);
        assert_int_equal(fgetc(f), byte);
        fclose(f);
    }
    setenv("TENON_CACHE", "off", 1);
    lab_remove(folder);
    sim->check_leaks();
}

/* One that was killed while it wrote, as process 1 of a container, does not keep the next ones from writing. */
static void what_was_left_behind_is_in_nobodys_way(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const char *folder = lab_make_folder();
    char path[1024], left[1100];
    setenv("TENON_CACHE", folder, 1);
    train(0);
    const int plans = count_plans(folder, path, sizeof path);
    assert_int_equal(remove(path), 0);
    snprintf(left, sizeof left, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(left, "wb");
    assert_non_null(f);
    fclose(f);
    train(0);
    assert_int_equal(remove(left), 0);
    assert_int_equal(count_plans(folder, path, sizeof path), plans);
    setenv("TENON_CACHE", "off", 1);
    lab_remove(folder);
    sim->check_leaks();
}

/* Engines that are tried out: each is run and timed, and what is chosen computes the same. */
static void the_best_is_found_by_trying(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const char *const devices[] = {"sim:0,cudnn=all", "sim:0,cudnn=all,autotune=on"};
    float loss[2];
    long timed[2];
    for (int i = 0; i < 2; i++) {
        lab_small s;
        sim->trace_begin();
        assert_ok(lab_small_open(&s, devices[i], (tn_plan_opts){.optim = tn_sgd(NULL)}));
        timed[i] = sim->trace_calls("cudaEventElapsedTime");
        assert_ok(lab_small_step(&s, 0, 0.01F));
        assert_ok(lab_small_loss(&s, &loss[i]));
        lab_small_close(&s);
    }
    assert_int_equal(timed[0], 0);
    assert_true(timed[1] > 1);
    assert_true(fabsf(loss[0] - loss[1]) <= 1e-3F * fabsf(loss[0])); /* tf32 */
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_share_what_was_chosen),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(what_was_left_behind_is_in_nobodys_way),
        cmocka_unit_test(the_best_is_found_by_trying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
