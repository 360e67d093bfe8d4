/*
 * pin=on: which cores threads may use, looked at from inside of them; and that all of them get back what they had.
 */
#define _GNU_SOURCE /* sched_getaffinity */

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/device/pin.h"
#include "base/thread.h"
#include "group/lab_group.h"

enum { MOST = 4 };

static cpu_set_t process; /* what this process may use */
static int cores;

static tn_backend_device *open_cpu(const char *options)
{
    tn_backend_device *d = NULL;
    assert_ok(tn_backend_cpu.open(&d, &(tn_open_opts){.options = options, .places = 1}));
    return d;
}

/* As a plan does before it runs. */
static tn_status begin(tn_backend_device *d)
{
    return tn_backend_cpu.begin_run(d, NULL);
}

/* ---- what threads may use ------------------------------------------------------------------- */

typedef struct masks {
    cpu_set_t of[MOST];
    int threads;
    atomic_int come;
} masks;

static void look_inside(const void *of, tn_piece p)
{
    masks *m = *(masks *const *)of;
    sched_getaffinity(0, sizeof m->of[0], &m->of[p.thread]);
    atomic_fetch_add(&m->come, 1);
    for (double end = tn_now() + 20; atomic_load(&m->come) < m->threads && tn_now() < end;)
        sched_yield(); /* until each has its piece */
}

/* Of a device's threads. */
static masks look(const tn_backend_device *d)
{
    masks m = {.threads = d->threads}, *const of = &m;
    tn_each(d, d->threads, 1, look_inside, &of);
    return m;
}

/* Of the calling one. */
static cpu_set_t look_here(void)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    sched_getaffinity(0, sizeof mask, &mask);
    return mask;
}

static bool is_bound(const cpu_set_t *mask, int core)
{
    return CPU_COUNT(mask) == 1 && CPU_ISSET(core, mask);
}

static void assert_bound(const tn_backend_device *d)
{
    const masks m = look(d);
    for (int i = 0; i < d->threads; i++)
        assert_true(is_bound(&m.of[i], d->pin->core[i]));
    for (int i = 0; i < d->threads; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(d->pin->core[i], d->pin->core[j]);
}

static void assert_free(void)
{
    const cpu_set_t mask = look_here();
    assert_true(CPU_EQUAL(&mask, &process));
}

static void *look_at_self(void *arg)
{
    sched_getaffinity(0, sizeof(cpu_set_t), arg);
    return NULL;
}

static void stop(void *arg)
{
    (void)arg;
}

/* What loaders and the library's other threads have. */
static void assert_started_are_free(void)
{
    cpu_set_t mask;
    tn_threads threads;
    CPU_ZERO(&mask);
    assert_ok(tn_threads_start(&threads, 1, look_at_self, stop, &mask));
    tn_threads_join(&threads);
    assert_true(CPU_EQUAL(&mask, &process));
    assert_int_equal(tn_cores(), cores);
}

/* ---- one device ----------------------------------------------------------------------------- */

static void a_team_is_bound_and_gets_back_what_it_had(void **state)
{
    (void)state;
    static const char *const options[] = {"threads=2,pin=on", "pin=on,threads=2"};
    int core[2];
    assert_int_equal(tn_cores_list(core, 2), 2);
    for (size_t i = 0; i < TN_COUNT(options); i++) {
        tn_backend_device *d = open_cpu(options[i]);
        assert_non_null(strstr(tn_backend_cpu.describe(d), ", 2 threads, pinned, "));
        assert_memory_equal(d->pin->core, core, sizeof core);
        assert_free();
        assert_ok(begin(d));
        assert_bound(d);
        assert_started_are_free();
        assert_ok(begin(d));
        assert_bound(d);
        tn_backend_cpu.close(d);
        assert_free();
        assert_started_are_free();
    }
    tn_backend_device *d = open_cpu("threads=2,pin=off");
    assert_null(strstr(tn_backend_cpu.describe(d), "pinned"));
    assert_ok(begin(d));
    const masks m = look(d);
    for (int i = 0; i < 2; i++)
        assert_true(CPU_EQUAL(&m.of[i], &process));
    tn_backend_cpu.close(d);
}

static void a_core_that_is_refused_gives_all_back(void **state)
{
    (void)state;
    char text[64];
    tn_backend_device *d = open_cpu("threads=2,pin=on");
    const int core = d->pin->core[0];
    d->pin->core[0] = CPU_SETSIZE - 1;
    snprintf(text, sizeof text, "thread 1 of 2 cannot be bound to core %d: ", CPU_SETSIZE - 1);
    assert_fails(begin(d), TN_ERR_DEVICE, text);
    assert_free();
    d->pin->core[0] = core;
    assert_ok(begin(d));
    assert_bound(d);
    tn_backend_cpu.close(d);
    assert_free();
}

static tn_status open_and_close(void *arg)
{
    (void)arg;
    tn_backend_device *d;
    const tn_open_opts opts = {.options = "threads=2,pin=on", .places = 1};
    TN_TRY(tn_backend_cpu.open(&d, &opts));
    const tn_status status = begin(d);
    tn_backend_cpu.close(d);
    return status;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(open_and_close, NULL) >= 3);
    assert_free();
    assert_started_are_free();
}

/* ---- several -------------------------------------------------------------------------------- */

static void devices_are_closed_in_any_order(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        tn_backend_device *d[2] = {open_cpu("threads=2,pin=on"), open_cpu("threads=2,pin=on")};
        for (int i = 0; i < 5; i++) {
            assert_ok(begin(d[i % 2]));
            assert_bound(d[i % 2]);
        }
        tn_backend_cpu.close(d[1 - last]);
        assert_started_are_free();
        assert_ok(begin(d[last]));
        assert_bound(d[last]);
        tn_backend_cpu.close(d[last]);
        assert_free();
        assert_started_are_free();
    }
}

static void another_device_takes_cores_that_are_left(void **state)
{
    (void)state;
    tn_backend_device *a = open_cpu("threads=1,pin=on"), *b = open_cpu("threads=1,pin=on");
    assert_int_not_equal(a->pin->core[0], b->pin->core[0]);
    assert_ok(begin(a));
    assert_ok(begin(b));
    assert_bound(b);
    assert_ok(begin(a));
    assert_bound(a);
    const int first = a->pin->core[0];
    tn_backend_cpu.close(a);
    a = open_cpu("threads=1,pin=on");
    assert_int_equal(a->pin->core[0], first);
    tn_backend_cpu.close(b);
    tn_backend_cpu.close(a);
    assert_free();
}

/* A rank does not see what cores another has, so each is closed before the next is opened. */
static void replicas_and_ranks_have_cores_of_their_own(void **state)
{
    (void)state;
    static const struct {
        tn_open_opts opts;
        int cores;
        const char *why;
    } cases[] = {
        {{.options = "pin=on", .places = 2}, 2, "replicas"},
        {{.options = "threads=2,pin=on", .places = 2}, 2, "replicas: two threads in all"},
        {{.options = "pin=on", .places = 1, .nears = 2}, 2, "ranks"},
        {{.options = "threads=1,pin=on", .places = 1, .nears = 2}, 2, "ranks: one thread each"},
        {{.options = "threads=2,pin=on", .places = 1, .nears = 2}, 4, "ranks: two threads each"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        cpu_set_t used;
        int threads = 0;
        print_message("%s%s\n", cores < cases[i].cores ? "skipped: " : "", cases[i].why);
        CPU_ZERO(&used);
        for (int k = 0; k < 2 && cores >= cases[i].cores; k++) {
            tn_open_opts opts = cases[i].opts;
            tn_backend_device *d = NULL;
            *(opts.nears ? &opts.near : &opts.place) = k;
            assert_ok(tn_backend_cpu.open(&d, &opts));
            for (int t = 0; t < d->threads; t++)
                CPU_SET(d->pin->core[t], &used);
            threads += d->threads;
            assert_int_equal(CPU_COUNT(&used), threads);
            tn_backend_cpu.close(d);
        }
    }
}

/* Of this process's threads those that are bound, and to how many cores. */
static void count_bound(int *threads, int *used)
{
    cpu_set_t all, mask;
    CPU_ZERO(&all);
    *threads = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder));) {
        const pid_t id = (pid_t)atoi(e->d_name);
        if (id == 0 || sched_getaffinity(id, sizeof mask, &mask) != 0 || CPU_COUNT(&mask) != 1)
            continue;
        ++*threads;
        CPU_OR(&all, &all, &mask);
    }
    closedir(folder);
    *used = CPU_COUNT(&all);
}

/* The threads of replicas are not the one that opens the device. */
static void groups_train_the_same_on_cores_of_their_own(void **state)
{
    (void)state;
    static lab_history pinned, as_ever;
    const tn_plan_opts opts = {.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F})};
    lab_group s;
    int threads, used;
    assert_ok(lab_group_open(&s, "cpu:0-1,threads=2,pin=on", LAB_LENET, opts));
    assert_ok(lab_group_step(&s, 0, 1));
    count_bound(&threads, &used);
    assert_int_equal(threads, 2);
    assert_int_equal(used, 2);
    assert_free();
    assert_started_are_free();
    lab_group_close(&s);
    lab_group_train("cpu:0-1,threads=2,pin=on", LAB_LENET, opts, &pinned);
    lab_group_train("cpu:0-1,threads=2", LAB_LENET, opts, &as_ever);
    assert_memory_equal(&pinned, &as_ever, sizeof pinned);
    count_bound(&threads, &used);
    assert_int_equal(threads, 0);
}

/* ---- threads of the program's --------------------------------------------------------------- */

typedef struct runner {
    tn_backend_device *device;
    pthread_barrier_t meeting;
    tn_status status;
    cpu_set_t during, after;
} runner;

static void *run_elsewhere(void *arg)
{
    runner *r = arg;
    r->status = begin(r->device);
    r->during = look_here();
    pthread_barrier_wait(&r->meeting);
    pthread_barrier_wait(&r->meeting); /* meanwhile the device is closed */
    r->after = look_here();
    return NULL;
}

static void whoever_runs_is_bound_and_given_back(void **state)
{
    (void)state;
    for (int ends_first = 0; ends_first < 2; ends_first++) {
        runner r = {.device = open_cpu("threads=2,pin=on")};
        pthread_t thread;
        const int core = r.device->pin->core[0];
        assert_int_equal(pthread_barrier_init(&r.meeting, NULL, 2), 0);
        assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, &r), 0);
        pthread_barrier_wait(&r.meeting);
        assert_free();
        if (!ends_first)
            tn_backend_cpu.close(r.device);
        pthread_barrier_wait(&r.meeting);
        pthread_join(thread, NULL);
        if (ends_first)
            tn_backend_cpu.close(r.device);
        pthread_barrier_destroy(&r.meeting);
        assert_ok(r.status);
        assert_true(is_bound(&r.during, core));
        assert_true(ends_first || CPU_EQUAL(&r.after, &process));
        assert_free();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_is_bound_and_gets_back_what_it_had),
        cmocka_unit_test(a_core_that_is_refused_gives_all_back),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(devices_are_closed_in_any_order),
        cmocka_unit_test(another_device_takes_cores_that_are_left),
        cmocka_unit_test(replicas_and_ranks_have_cores_of_their_own),
        cmocka_unit_test(groups_train_the_same_on_cores_of_their_own),
        cmocka_unit_test(whoever_runs_is_bound_and_given_back),
    };
    if (sched_getaffinity(0, sizeof process, &process) != 0 || (cores = CPU_COUNT(&process)) < 2) {
        print_message("skipped: this process may use one core only\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
