/* A device's crew, and the device where there are fewer threads than are asked for: the program is run with several
 * settings of the environment, see tests/CMakeLists.txt. */
#define _GNU_SOURCE /* readdir, nanosleep */

#include <dirent.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/cpu/device/crew.h"
#include "base/thread.h"
#include "lab.h"

enum { IMAGES = 4, SIDE = 12 };

typedef struct net {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x, target;
} net;

/* Strict, so that oneDNN does the convolution. */
static net open_net(const char *device)
{
    net n = {NULL};
    assert_ok(tn_device_open(&n.device, device));
    assert_ok(tn_graph_create(&n.graph));
    n.x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(IMAGES, 16, SIDE, SIDE));
    n.target = tn_input(n.graph, "t", TN_F32, TN_SHAPE(IMAGES, 10));
    tn_value y = tn_conv2d(n.graph, n.x, &(tn_conv2d_opts){.filters = 16, .kernel = {3}});
    y = tn_batchnorm(n.graph, tn_lrn(n.graph, tn_relu(n.graph, y, NULL), NULL), NULL);
    y = tn_conv2d(n.graph, y, &(tn_conv2d_opts){.filters = 32, .kernel = {3}});
    y = tn_dense(n.graph, y, &(tn_dense_opts){.units = 10});
    assert_ok(tn_plan_create(&n.plan, n.graph, n.device,
                             &(tn_plan_opts){.loss = tn_mse(n.graph, y, n.target, NULL),
                                             .optim = tn_sgd(NULL),
                                             .strict = true,
                                             .seed = 1}));
    return n;
}

static tn_status step(const net *n)
{
    static float x[IMAGES * 16 * SIDE * SIDE], target[IMAGES * 10];
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)(i % 13) / 13;
    TN_TRY(tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, TN_SHAPE(IMAGES, 16, SIDE, SIDE), x}));
    TN_TRY(tn_plan_set(n->plan, n->target, (tn_tensor){TN_F32, TN_SHAPE(IMAGES, 10), target}));
    TN_TRY(tn_plan_run(n->plan));
    return tn_plan_update(n->plan, 0.01f);
}

static void drop(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->graph);
    tn_device_close(n->device);
}

static void runs_with_the_threads_there_are(void **unused)
{
    (void)unused;
    enum { ASKED = 4 };
    const char *said_limit = getenv("OMP_THREAD_LIMIT");
    const int limit = said_limit ? atoi(said_limit) : ASKED;
    const int there = limit < ASKED ? limit : ASKED;
    char text[64];
    net n = open_net("cpu,threads=4");
    const char *said = tn_device_describe(n.device);
    print_message("%s\n", said);
    snprintf(text, sizeof text, ", %d thread%s%s", there, there == 1 ? "" : "s",
             there < ASKED ? " (4 were asked for, there are no more)" : ",");
    assert_non_null(strstr(said, text));
    for (int i = 0; i < 3; i++)
        assert_ok(step(&n));
    drop(&n);
}

static void the_default_is_within_the_limit(void **unused)
{
    (void)unused;
    net n = open_net("cpu");
    print_message("%s\n", tn_device_describe(n.device));
    for (int i = 0; i < 2; i++)
        assert_ok(step(&n));
    drop(&n);
}

/* In the first thread of a loop of two, in which OpenMP gives no others. */
static void a_plan_runs_within_a_loop(void **unused)
{
    (void)unused;
    tn_status status = TN_ERR_DEVICE;
    net n = open_net("cpu,threads=2");
#pragma omp parallel num_threads(2)
#pragma omp master
    status = step(&n);
    assert_int_equal(status, TN_OK);
    assert_ok(step(&n));
    drop(&n);
}

/* ---- the crew itself ------------------------------------------------------------------------ */

enum { ITEMS = 1000, THREADS = 4 };

typedef struct loop {
    atomic_int times[ITEMS]; /* that each was done */
    int64_t count, grain;
    atomic_bool odd; /* a piece that is none */
    int threads;
} loop;

static void count_items(const void *of, tn_piece p)
{
    loop *l = *(loop *const *)of;
    if (p.begin >= p.end || (p.end - p.begin < l->grain && p.end != l->count) ||
        p.begin % l->grain || p.thread < 0 || p.thread >= l->threads)
        atomic_store(&l->odd, true);
    for (int64_t i = p.begin; i < p.end; i++)
        atomic_fetch_add(&l->times[i], 1);
}

static void run_loop(tn_crew *crew, int64_t count, int64_t grain)
{
    static _Thread_local loop l;
    loop *const of = &l;
    memset(&l, 0, sizeof l);
    l.count = count;
    l.grain = grain;
    l.threads = tn_crew_size(crew);
    tn_crew_run(crew, count, grain, count_items, &of);
    for (int64_t i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&l.times[i]), i < count);
    assert_false(atomic_load(&l.odd));
}

static tn_crew *open_crew(int threads)
{
    tn_crew *crew;
    assert_ok(tn_crew_open(&crew, threads, NULL));
    assert_int_equal(tn_crew_size(crew), threads);
    return crew;
}

static void every_item_is_done_once(void **unused)
{
    static const int64_t counts[] = {0, 1, 2, 3, 7, 63, 64, 65, 200, ITEMS};
    (void)unused;
    for (int threads = 1; threads <= THREADS; threads++) {
        tn_crew *crew = open_crew(threads);
        for (int round = 0; round < 20; round++)
            for (size_t i = 0; i < TN_COUNT(counts); i++)
                for (int64_t grain = 1; grain < 300; grain *= 7)
                    run_loop(crew, counts[i], grain);
        tn_crew_close(crew);
    }
}

/* The first thread to come stays with its piece until all others are done. */
typedef struct hold {
    atomic_int others, late;
    atomic_bool held;
} hold;

static void hold_one(const void *of, tn_piece p)
{
    hold *h = *(hold *const *)of;
    const double patience = tn_now() + 20;
    if (atomic_exchange(&h->held, true)) {
        atomic_fetch_add(&h->others, (int)(p.end - p.begin));
        return;
    }
    while (atomic_load(&h->others) + (p.end - p.begin) < ITEMS && tn_now() < patience)
        sched_yield();
    atomic_store(&h->late, tn_now() >= patience);
}

static void a_thread_that_is_held_up_holds_up_its_piece_alone(void **unused)
{
    (void)unused;
    for (int threads = 2; threads <= THREADS; threads++) {
        hold h = {0}, *const of = &h;
        tn_crew *crew = open_crew(threads);
        tn_crew_run(crew, ITEMS, 1, hold_one, &of);
        tn_crew_close(crew);
        assert_false(atomic_load(&h.late));
    }
}

static void *run_loops(void *crew)
{
    for (int i = 0; i < 50; i++)
        run_loop(crew, ITEMS, 1);
    return NULL;
}

static void *run_own_loops(void *unused)
{
    (void)unused;
    tn_crew *crew = open_crew(2);
    run_loops(crew);
    tn_crew_close(crew);
    return NULL;
}

static void run_in_four_threads(void *(*body)(void *), void *arg)
{
    pthread_t thread[4];
    for (size_t i = 0; i < TN_COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, body, arg), 0);
    for (size_t i = 0; i < TN_COUNT(thread); i++)
        pthread_join(thread[i], NULL);
}

static void threads_share_a_crew_or_have_their_own(void **unused)
{
    (void)unused;
    tn_crew *crew = open_crew(3);
    run_in_four_threads(run_loops, crew);
    tn_crew_close(crew);
    run_in_four_threads(run_own_loops, NULL);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void who_has_nothing_to_do_sleeps(void **unused)
{
    (void)unused;
    tn_crew *crew = open_crew(THREADS);
    run_loop(crew, ITEMS, 1);
    const double before = cpu_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
    const double spent = cpu_seconds() - before;
    print_message("%.2f ms of 200\n", 1e3 * spent);
    assert_true(spent < 0.02);
    run_loop(crew, ITEMS, 1); /* and comes back */
    tn_crew_close(crew);
}

static void a_fork_works_alone(void **unused)
{
    (void)unused;
    tn_crew *crew = open_crew(THREADS);
    run_loop(crew, ITEMS, 1);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_loop(crew, ITEMS, 1);
        tn_crew_close(crew);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run_loop(crew, ITEMS, 1);
    tn_crew_close(crew);
}

static tn_status open_and_close(void *unused)
{
    (void)unused;
    tn_crew *crew;
    TN_TRY(tn_crew_open(&crew, 2, NULL));
    tn_crew_close(crew);
    return TN_OK;
}

static int count_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void nothing_is_left_of_it(void **unused)
{
    (void)unused;
    const int before = count_threads();
    assert_true(lab_fail_each_allocation(open_and_close, NULL) >= 1);
    tn_crew_close(NULL);
    assert_int_equal(count_threads(), before);
}

/* Of this process's threads those that may use all of its cores. */
static int count_free(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder));) {
        cpu_set_t mask;
        const pid_t id = (pid_t)atoi(e->d_name);
        count += id > 0 && sched_getaffinity(id, sizeof mask, &mask) == 0 &&
                 CPU_COUNT(&mask) == omp_get_num_procs();
    }
    closedir(folder);
    return count;
}

/* Where OpenMP binds threads, the first one has one core from the start. */
static void threads_have_all_cores_where_openmp_binds(void **unused)
{
    (void)unused;
    cpu_set_t mine, after;
    tn_device *device;
    const int before = count_free();
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    assert_ok(tn_device_open(&device, "cpu,threads=4"));
    const char *fewer = getenv("OMP_THREAD_LIMIT");
    assert_int_equal(count_free(), before + (fewer ? atoi(fewer) : 4) - 1);
    tn_device_close(device);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&mine, &after));
}

/* A program's memory is limited, so that there is none for stacks of many threads. */
static void threads_that_cannot_start_are_done_without(void **unused)
{
    (void)unused;
    struct rlimit before, little;
    if (LAB_SLOW) {
        print_message("skipped: a sanitizer's memory cannot be limited\n");
        skip();
    }
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    little = before;
    little.rlim_cur = (rlim_t)pages * 4096 + (200 << 20);
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    tn_crew *crew = NULL;
    const tn_status status = tn_crew_open(&crew, 1000, NULL);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_ok(status);
    print_message("%d of 1000 threads\n", tn_crew_size(crew));
    assert_in_range(tn_crew_size(crew), 1, 999);
    run_loop(crew, ITEMS, 1);
    tn_crew_close(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_with_the_threads_there_are),
        cmocka_unit_test(the_default_is_within_the_limit),
        cmocka_unit_test(a_plan_runs_within_a_loop),
        cmocka_unit_test(every_item_is_done_once),
        cmocka_unit_test(a_thread_that_is_held_up_holds_up_its_piece_alone),
        cmocka_unit_test(threads_share_a_crew_or_have_their_own),
        cmocka_unit_test(who_has_nothing_to_do_sleeps),
        cmocka_unit_test(a_fork_works_alone),
        cmocka_unit_test(nothing_is_left_of_it),
        cmocka_unit_test(threads_have_all_cores_where_openmp_binds),
        cmocka_unit_test(threads_that_cannot_start_are_done_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
