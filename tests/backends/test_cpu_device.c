/* The CPU device: options, memory, copies, sums; forks. */
#define _POSIX_C_SOURCE 200809L /* fork */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/cpu/onednn/door.h"
#include "base/base.h"
#include "base/thread.h"
#include "lab.h"

static tn_status open_as(tn_backend_device **d, int index, const char *options)
{
    return tn_backend_cpu.open(d, &(tn_open_opts){.index = index, .options = options, .places = 1});
}

static tn_backend_device *open_cpu(const char *options)
{
    tn_backend_device *d = NULL;
    assert_ok(open_as(&d, 0, options));
    return d;
}

/* The 2-norm of x. */
static tn_status norm(tn_backend_device *d, const void *x, size_t count, float *out)
{
    tn_optim_call c = {.device = d, .scale = 1, .g = x, .count = count};
    TN_TRY(tn_backend_cpu.measure(&c));
    *out = c.norm;
    return TN_OK;
}

static void options_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *options, *text;
    } cases[] = {
        {"threads=0", "option threads=0: 1...1024 is wanted"},
        {"threads=1025", "1...1024"},
        {"threads=", "option threads=: 1...1024 is wanted"},
        {"threads= 2", "1...1024"},
        {"threads=+2", "1...1024"},
        {"threads=2x", "threads=2x"},
        {"threads=99999999999999999999", "1...1024"},
        {"speed=9",
         "cpu: option \"speed=9\" is none of threads=1...1024, pin=on|off, reference=on|off, "
         "prefer=fastest|first|tiles|winograd|winograd4x4|direct"},
        {"thread=2", "option \"thread=2\" is none of"},
        {"threadss=2", "option \"threadss=2\" is none of"},
        {"threads", "option threads has no value: 1...1024 is wanted"},
        {"threads=2,speed=9", "option \"speed=9\""},
        {"threads=2,,pin=off", "option \"\""},
        {"pin=off,", "last comma"},
        {"pin=maybe", "option pin=maybe: on|off is wanted"},
        {"threads=2,pin=", "option pin=: on|off is wanted"},
        {"threads=2,pin=off,threads=2", "option threads is there twice"},
        {"pin=off,pin=on", "option pin is there twice"},
        {"reference,reference", "option reference is there twice"},
        {"reference,reference=off", "option reference is there twice"},
        {"prefer", "option prefer has no value: fastest|first"},
        {"prefer=", "option prefer=: fastest|first|tiles|winograd|winograd4x4|direct is wanted"},
        {"prefer=winograd8x8", "option prefer=winograd8x8: fastest|first"},
        {"prefer=first|tiles", "option prefer=first|tiles: fastest|first"},
        {"prefer=tiles,prefer=tiles", "option prefer is there twice"},
        {"reference,prefer=tiles", "prefer chooses among kernels that reference leaves out"},
    };
    tn_backend_device *d = NULL;
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(open_as(&d, 0, cases[i].options), TN_ERR_ARGUMENT, cases[i].text);
    char lengthy[600];
    memset(lengthy, '0', sizeof lengthy);
    memcpy(lengthy, "threads=", 8);
    lengthy[sizeof lengthy - 1] = 0;
    assert_fails(open_as(&d, 0, lengthy), TN_ERR_ARGUMENT, "599 characters, more than 511");
    assert_fails(open_as(&d, 1, ""), TN_ERR_DEVICE, "only cpu:0");
    assert_null(d);
    d = open_cpu("reference,prefer=fastest");
    assert_non_null(strstr(tn_backend_cpu.describe(d), ", reference kernels, "));
    tn_backend_cpu.close(d);
    d = open_cpu("reference=off,pin=off,threads=3");
    assert_null(strstr(tn_backend_cpu.describe(d), ", reference kernels, "));
    assert_non_null(strstr(tn_backend_cpu.describe(d), ", 3 threads, "));
    assert_non_null(strstr(tn_backend_cpu.describe(d), "oneDNN "));
    tn_backend_cpu.close(d);
}

static void what_is_no_precision_is_said_to_be_none(void **state)
{
    (void)state;
    tn_precision got = TN_PRECISION_DEFAULT;
    tn_backend_device *d = open_cpu("threads=1");
    assert_fails(tn_backend_cpu.precision(d, (tn_precision)99, &got), TN_ERR_ARGUMENT,
                 "cpu: 99 is no precision");
    assert_fails(tn_backend_cpu.precision(d, TN_PRECISION_F16, &got), TN_ERR_UNSUPPORTED, "f16");
    tn_backend_cpu.close(d);
}

/* What could be had is more than what nobody uses: files that were read lie in memory. */
static void memory_that_can_be_had_is_told(void **state)
{
    (void)state;
    size_t total = 0, unused = 0;
    unsigned long long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && !kib && fgets(line, sizeof line, f))
        (void)sscanf(line, "MemAvailable: %llu kB", &kib);
    if (f)
        fclose(f);
    tn_backend_device *d = open_cpu("threads=1");
    assert_ok(tn_backend_cpu.memory(d, &total, &unused));
    tn_backend_cpu.close(d);
    assert_true(unused > 0 && unused <= total);
    if (kib) /* others take and give meanwhile */
        assert_true(fabs((double)unused / ((double)kib * 1024) - 1) < 0.5);
}

static void more_threads_than_cores_are_not_pinned(void **state)
{
    (void)state;
    int core[1024];
    const int cores = tn_cores_list(core, TN_COUNT(core)), many = cores + 1;
    char options[32], alone[128], together[128];
    snprintf(options, sizeof options, "threads=%d,pin=on", many);
    snprintf(alone, sizeof alone, "%d threads want a core each, but this process may use %d", many,
             cores);
    snprintf(together, sizeof together,
             "%d threads, of all replicas and ranks together, want a core each, but this process "
             "may use %d",
             many, cores);
    const struct {
        tn_open_opts opts;
        const char *text;
    } cases[] = {
        {{.options = options, .places = 1}, alone},
        {{.options = "pin=on", .places = many}, together},
        {{.options = "threads=1,pin=on", .places = 1, .nears = many}, together},
    };
    tn_backend_device *d = NULL;
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_backend_cpu.open(&d, &cases[i].opts), TN_ERR_ARGUMENT, cases[i].text);
    assert_null(d);
    assert_int_equal(tn_cores_list(core, TN_COUNT(core)), cores);
}

static tn_status open_and_close(void *arg)
{
    (void)arg;
    tn_backend_device *d;
    TN_TRY(open_as(&d, 0, "threads=2"));
    void *p = NULL, *reorder = NULL;
    tn_status status = tn_backend_cpu.alloc(d, 1000, &p);
    if (status == TN_OK)
        status = tn_backend_cpu.reorder_create(d, &TN_SHAPE(2, 3), TN_F32, NULL, NULL, &reorder);
    tn_backend_cpu.reorder_destroy(reorder);
    tn_backend_cpu.free(d, p);
    tn_backend_cpu.close(d);
    return status;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(open_and_close, NULL) >= 5);
}

static void plain_reorders_copy_every_type(void **state)
{
    (void)state;
    static const tn_dtype types[] = {TN_F32, TN_I32, TN_U8, TN_F16, TN_BF16};
    tn_backend_device *d = open_cpu("threads=2");
    for (size_t i = 0; i < TN_COUNT(types); i++) {
        unsigned char from[7 * 4], to[7 * 4] = {0};
        for (size_t j = 0; j < sizeof from; j++)
            from[j] = (unsigned char)(3 * j + 1);
        void *reorder = NULL;
        assert_ok(tn_backend_cpu.reorder_create(d, &TN_SHAPE(7), types[i], NULL, NULL, &reorder));
        assert_ok(tn_backend_cpu.reorder_run(reorder, to, from));
        assert_memory_equal(from, to, 7 * tn_dtype_bytes(types[i]));
        tn_backend_cpu.reorder_destroy(reorder);
    }
    tn_backend_cpu.close(d);
}

static void sums_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { COUNT = 100003 };
    static float x[COUNT], y[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 1013) * 0.37f - 100;
    float first = 0;
    for (int threads = 1; threads <= 7; threads += 2) {
        char options[32];
        snprintf(options, sizeof options, "threads=%d", threads);
        tn_backend_device *d = open_cpu(options);
        float sum = 0;
        assert_ok(norm(d, x, COUNT, &sum));
        if (threads == 1)
            first = sum;
        assert_memory_equal(&sum, &first, sizeof sum);
        for (int i = 0; i < COUNT; i++)
            y[i] = 1;
        assert_ok(tn_backend_cpu.accumulate(d, NULL, y, x, sizeof x));
        for (int i = 0; i < COUNT; i++)
            assert_true(y[i] == 1 + x[i]);
        assert_ok(norm(d, x, 3, &sum));
        assert_ok(norm(d, x, 0, &sum));
        assert_true(sum == 0);
        tn_backend_cpu.close(d);
    }
}

static void the_programs_threads_stay_as_they_are(void **state)
{
    (void)state;
    omp_set_num_threads(5);
    tn_backend_device *d = open_cpu("threads=2");
    void *reorder = NULL;
    float x[6] = {1, 2, 3, 4, 5, 6}, y[6];
    assert_ok(tn_backend_cpu.reorder_create(d, &TN_SHAPE(2, 3), TN_F32, NULL, NULL, &reorder));
    assert_ok(tn_backend_cpu.reorder_run(reorder, y, x));
    tn_backend_cpu.reorder_destroy(reorder);
    tn_backend_cpu.close(d);
    assert_int_equal(omp_get_max_threads(), 5);
}

/* Of one image lrn is cut nowhere, so that oneDNN's own threads do it. */
typedef struct net {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x;
} net;

static void fill_net(net *n)
{
    enum { WIDE = 64 };
    static const float x[32 * WIDE * WIDE];
    const tn_shape shape = TN_SHAPE(1, 32, WIDE, WIDE);
    assert_ok(tn_graph_create(&n->graph));
    n->x = tn_input(n->graph, "x", TN_F32, shape);
    tn_output(n->graph, tn_lrn(n->graph, n->x, NULL));
    assert_ok(tn_plan_create(&n->plan, n->graph, n->device, &(tn_plan_opts){.seed = 1}));
    assert_ok(tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, shape, (void *)(uintptr_t)x}));
}

static net open_one(const char *device)
{
    net n = {NULL};
    assert_ok(tn_device_open(&n.device, device));
    fill_net(&n);
    return n;
}

static void drop(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->graph);
    tn_device_close(n->device);
}

/* With the device that it has from before, and with one of its own. */
static void a_plan_runs_in_a_fork(void **unused)
{
    (void)unused;
    enum { PATIENCE = 20 };
    net n = open_one("cpu,threads=2");
    assert_ok(tn_plan_evaluate(n.plan));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(PATIENCE);
        assert_ok(tn_plan_evaluate(n.plan));
        net own = open_one("cpu,threads=2");
        assert_ok(tn_plan_evaluate(own.plan));
        drop(&own);
        drop(&n);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    drop(&n);
}

/* So many bytes of memory are left to the program. */
static void leave_room(unsigned long bytes)
{
    unsigned long pages = 0;
    struct rlimit little;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    assert_int_equal(getrlimit(RLIMIT_AS, &little), 0);
    little.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + bytes;
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
}

/* There are no stacks for many threads. OpenMP, which is asked for as many, would end the program. */
static void threads_that_there_are_not_are_asked_for_once(void **unused)
{
    (void)unused;
    enum { STACKS = 200 << 20, PLAN = 40 << 20 };
    struct rlimit before;
    if (LAB_SLOW) {
        print_message("skipped: a sanitizer's memory cannot be limited\n");
        skip();
    }
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    leave_room(STACKS);
    net n = {NULL};
    assert_ok(tn_device_open(&n.device, "cpu,threads=1000"));
    print_message("%s\n", tn_device_describe(n.device));
    leave_room(PLAN);
    fill_net(&n);
    assert_ok(tn_plan_evaluate(n.plan));
    drop(&n);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(what_is_no_precision_is_said_to_be_none),
        cmocka_unit_test(memory_that_can_be_had_is_told),
        cmocka_unit_test(more_threads_than_cores_are_not_pinned),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(plain_reorders_copy_every_type),
        cmocka_unit_test(sums_do_not_depend_on_threads),
        cmocka_unit_test(the_programs_threads_stay_as_they_are),
        cmocka_unit_test(a_plan_runs_in_a_fork),
        cmocka_unit_test(threads_that_there_are_not_are_asked_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
