/* The CPU device where OpenMP gives fewer threads than are asked for: the program is run with several settings of its
 * environment, see tests/CMakeLists.txt. */
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "backends/cpu/device/team.h"
#include "lab.h"

enum { IMAGES = 4, SIDE = 12 };

typedef struct net {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x, target;
} net;

/* Strict, so that oneDNN does the convolution, whose backward pass waits for all threads that it was promised. */
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
    const int limit = omp_get_max_active_levels() > 0 ? omp_get_thread_limit() : 1;
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

/* In the first thread of a loop of two. */
static tn_status step_in_a_loop(const net *n, int *threads)
{
    tn_status status = TN_OK;
#pragma omp parallel num_threads(2)
#pragma omp master
    {
        *threads = omp_get_num_threads();
        status = step(n);
    }
    return status;
}

static void a_loop_around_it_is_noticed(void **unused)
{
    (void)unused;
    int around = 0;
    net n = open_net("cpu,threads=2");
    const bool alone = strstr(tn_device_describe(n.device), ", 1 thread ") != NULL;
    const tn_status status = step_in_a_loop(&n, &around);
    if (around == 1 || alone)
        assert_int_equal(status, TN_OK);
    else
        assert_fails(status, TN_ERR_DEVICE,
                     "of the device's 2 threads there are 1: call it outside");
    assert_ok(step(&n));
    drop(&n);
    net one = open_net("cpu,threads=1");
    assert_ok(step_in_a_loop(&one, &around));
    drop(&one);
}

/* A program's memory is limited, so that there is none for stacks of many threads: OpenMP would end the program. */
static void threads_that_cannot_start_are_not_asked_for(void **unused)
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
    int size = 1000;
    const tn_status status = tn_team_measure(&size);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_ok(status);
    print_message("%d of 1000 threads\n", size);
    assert_in_range(size, 1, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_with_the_threads_there_are),
        cmocka_unit_test(the_default_is_within_the_limit),
        cmocka_unit_test(a_loop_around_it_is_noticed),
        cmocka_unit_test(threads_that_cannot_start_are_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
