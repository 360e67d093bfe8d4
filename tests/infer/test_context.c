/* Contexts: numbers are the model's, of any rows and sizes; a run allocates nothing; several at once. */
#define _GNU_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "lab_engine.h"
#include "lab_op.h"

enum { MOST = 5 };

static const char *folder;
static char path[1100];
static uint8_t pixels[MOST * LAB_PIXELS];
static float fc[MOST * LAB_CLASSES], sure[MOST * LAB_CLASSES]; /* what the model says */

static void expect_rows(tn_context *c, int first, int rows)
{
    float got[MOST * LAB_CLASSES], got_sure[MOST * LAB_CLASSES];
    memset(got, 0xFF, sizeof got);
    memset(got_sure, 0xFF, sizeof got_sure);
    assert_ok(lab_engine_run(c, pixels + first * LAB_PIXELS, rows, got, got_sure));
    const int count = rows * LAB_CLASSES;
    assert_true(lab_engine_off(got, fc + first * LAB_CLASSES, count) < 1e-4F);
    assert_true(lab_engine_off(got_sure, sure + first * LAB_CLASSES, count) < 1e-4F);
}

static const struct {
    const char *why;
    tn_engine_opts how;
    tn_context_opts opts;
} cases[] = {
    {"all default", {0}, {0}},
    {"several rows", {0}, {.rows = MOST}},
    {"read, not mapped", {.copy = true}, {.rows = 3}},
    {"one thread", {0}, {.rows = 2, .threads = 1}},
    {"the reference's kernels", {0}, {.rows = 2, .device = "cpu,reference"}},
};

static void numbers_are_the_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        tn_engine *e = NULL;
        tn_context *c = NULL;
        assert_ok(tn_engine_open(&e, path, &cases[i].how));
        assert_ok(tn_context_create(&c, e, &cases[i].opts));
        const int most = cases[i].opts.rows ? (int)cases[i].opts.rows : 1;
        for (int rows = 1; rows <= most; rows++)
            expect_rows(c, MOST - rows, rows);
        tn_context_destroy(c);
        tn_engine_close(e);
    }
}

/* The same file on each device that there is, two contexts at a time. */
static void every_device_runs_it(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_engine *e = NULL;
        tn_context *c = NULL, *other = NULL;
        print_message("%s\n", *device);
        assert_ok(tn_engine_open(&e, path, NULL));
        assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = 3, .device = *device}));
        assert_ok(tn_context_create(&other, e, &(tn_context_opts){.device = *device}));
        for (int rows = 3; rows > 0; rows--) {
            expect_rows(c, MOST - rows, rows);
            expect_rows(other, rows, 1);
        }
        tn_context_destroy(c);
        expect_rows(other, 0, 1);
        tn_context_destroy(other);
        tn_engine_close(e);
    }
}

/* As a part of a program it may lie anywhere. */
static void it_may_lie_anywhere_in_memory(void **state)
{
    (void)state;
    FILE *f = fopen(path, "rb");
    unsigned char *memory = tn_alloc_aligned(1 << 17);
    assert_non_null(f);
    assert_non_null(memory);
    for (int at = 0; at < 10; at += 3) {
        tn_engine *e = NULL;
        tn_context *c = NULL;
        rewind(f);
        const size_t size = fread(memory + at, 1, (1 << 17) - 64, f);
        assert_ok(tn_engine_open_memory(&e, "memory", memory + at, size, NULL));
        assert_ok(tn_context_create(&c, e, NULL));
        expect_rows(c, 0, 1);
        tn_context_destroy(c);
        tn_engine_close(e);
    }
    fclose(f);
    tn_free(memory);
}

static void a_run_allocates_nothing(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    tn_context *c = NULL;
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = 3}));
    const long before = tn_alloc_total();
    expect_rows(c, 0, 3);
    expect_rows(c, 1, 2);
    assert_int_equal(tn_alloc_total(), before);
    tn_context_destroy(c);
    tn_engine_close(e);
}

/* Nor does one whose output a kernel writes in a layout of its own. */
static void nor_do_outputs_in_other_layouts(void **state)
{
    (void)state;
    static const char text[] =
        "tenon graph 1\ninput x f32 N 16 8 8\ny = conv2d(x) filters=32 kernel=3\noutput y\n";
    static float x[2 * 16 * 8 * 8], y[2][2 * 32 * 6 * 6];
    tn_model *net = NULL, *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_engine *e = NULL;
    tn_context *c = NULL;
    char file[1200];
    snprintf(file, sizeof file, "%s/conv.plan", folder);
    for (int i = 0; i < 2 * 16 * 8 * 8; i++)
        x[i] = (float)(i * 37 % 41) / 20 - 1;
    assert_ok(tn_model_read(&net, "net", text, &(tn_model_opts){.batch = 2}));
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(&plan, tn_model_graph(net), device, &(tn_plan_opts){.seed = 1}));
    const tn_tensor in = {TN_F32, TN_SHAPE(2, 16, 8, 8), x};
    const tn_tensor out[] = {{TN_F32, TN_SHAPE(2, 32, 6, 6), y[0]},
                             {TN_F32, TN_SHAPE(2, 32, 6, 6), y[1]}};
    assert_ok(tn_plan_set(plan, tn_graph_input(tn_model_graph(net), 0), in));
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, tn_graph_output_at(tn_model_graph(net), 0), out[0]));
    assert_ok(tn_model_of_plan(&m, plan));
    assert_ok(tn_engine_save(m, file));
    assert_ok(tn_engine_open(&e, file, NULL));
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = 2, .threads = 1}));
    const long before = tn_alloc_total();
    assert_ok(tn_context_run(c, 2, &in, &out[1]));
    assert_int_equal(tn_alloc_total(), before);
    assert_true(lab_engine_off(y[0], y[1], 2 * 32 * 6 * 6) < 1e-5F);
    tn_context_destroy(c);
    tn_engine_close(e);
    tn_model_close(m);
    tn_model_close(net);
    tn_plan_destroy(plan);
    tn_device_close(device);
    assert_int_equal(unlink(file), 0);
}

/* Contexts come and go in any order; those that are left have their weights. */
static void contexts_share_weights(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    tn_context *c[3] = {NULL};
    assert_ok(tn_engine_open(&e, path, NULL));
    for (int i = 0; i < 3; i++)
        assert_ok(tn_context_create(&c[i], e, &(tn_context_opts){.rows = i + 1}));
    for (int i = 0; i < 3; i++)
        expect_rows(c[i], 0, i + 1);
    /* One of the same rows has all that it wants of weights already. */
    tn_context *same = NULL;
    assert_ok(tn_context_create(&same, e, &(tn_context_opts){.rows = 2}));
    assert_int_equal(tn_context_memory_of(same).weights, 0);
    assert_int_equal(tn_context_memory_of(same).values, tn_context_memory_of(c[1]).values);
    expect_rows(same, 1, 2);
    tn_context_destroy(same);
    tn_context_destroy(c[0]);
    expect_rows(c[1], 3, 2);
    expect_rows(c[2], 2, 3);
    tn_context_destroy(c[2]);
    tn_context_destroy(c[1]);
    assert_ok(tn_context_create(&c[0], e, NULL));
    expect_rows(c[0], 4, 1);
    tn_context_destroy(c[0]);
    tn_engine_close(e);
}

/* Over all pixels is a mean, so larger pictures are as many parts that are alike. */
static void pictures_may_be_of_another_size(void **state)
{
    (void)state;
    enum { SIDE = 2 * LAB_SIDE };
    static uint8_t large[SIDE * SIDE * 3];
    tn_engine *e = NULL;
    tn_context *c = NULL;
    float got[LAB_CLASSES], got_sure[LAB_CLASSES], flat[LAB_CLASSES];
    memset(large, 90, sizeof large);
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.height = SIDE, .width = SIDE}));
    assert_string_equal(tn_shape_format(&tn_context_port(c, false, 0)->shape).text,
                        "1 x 24 x 24 x 3");
    assert_null(tn_context_port(c, false, 1));
    const tn_tensor in = {TN_U8, TN_SHAPE(1, SIDE, SIDE, 3), large};
    const tn_tensor out[] = {{TN_F32, TN_SHAPE(1, LAB_CLASSES), got},
                             {TN_F32, TN_SHAPE(1, LAB_CLASSES), got_sure}};
    assert_ok(tn_context_run(c, 1, &in, out));
    tn_context_destroy(c);

    assert_ok(tn_context_create(&c, e, NULL));
    assert_ok(lab_engine_run(c, large, 1, flat, got_sure));
    assert_true(lab_engine_off(got, flat, LAB_CLASSES) < 0.2F);
    assert_true(lab_engine_off(got, flat, LAB_CLASSES) > 0); /* of edges there are fewer */
    tn_context_destroy(c);
    tn_engine_close(e);
}

/* ---- what cannot be --------------------------------------------------------------------------- */

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    tn_context *c = NULL;
    float got[LAB_CLASSES], got_sure[LAB_CLASSES];
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.rows = -1}), TN_ERR_ARGUMENT,
                 "a context of -1 rows");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.height = 3}), TN_ERR_ARGUMENT,
                 "height 3 and width 0");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.height = 3, .width = 3}),
                 TN_ERR_SHAPE, "with pictures of 3 x 3");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.threads = -2}), TN_ERR_ARGUMENT,
                 "-2 threads");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.precision = "f31"}), TN_ERR_ARGUMENT,
                 "f31");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.precision = "f16"}),
                 TN_ERR_UNSUPPORTED, "computes in f32, not in f16");
    assert_fails(tn_context_create(&c, e, &(tn_context_opts){.device = "nothing"}),
                 TN_ERR_UNSUPPORTED, "nothing");
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = 2}));
    assert_fails(lab_engine_run(c, pixels, 0, got, got_sure), TN_ERR_ARGUMENT, "a run of 0 rows");
    assert_fails(lab_engine_run(c, pixels, 3, got, got_sure), TN_ERR_ARGUMENT,
                 "a run of 3 rows in a context made for 2");
    assert_fails(lab_engine_run(c, NULL, 1, got, got_sure), TN_ERR_SHAPE, "image is 1 x 12");
    assert_fails(tn_context_run(c, 1, NULL, NULL), TN_ERR_ARGUMENT, "no tensors are given");
    tn_context_destroy(c);
    tn_engine_close(e);
}

/* Where rows are mixed those that only fill up would count. */
static void rows_that_are_mixed_are_all_there(void **state)
{
    (void)state;
    static const char text[] = "tenon graph 1\ninput x f32 N 4\nb = dense(x) units=2\n"
                               "m = reduce(b) axes=0 keep\ny = sub(b, m)\noutput y\n";
    tn_model *net = NULL, *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_engine *e = NULL;
    tn_context *c = NULL;
    char file[1200];
    float x[3 * 4] = {1, 2, 3}, y[3 * 2];
    snprintf(file, sizeof file, "%s/mixed.plan", folder);
    assert_ok(tn_model_read(&net, "net", text, &(tn_model_opts){.batch = 3}));
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(&plan, tn_model_graph(net), device, &(tn_plan_opts){.seed = 1}));
    assert_ok(tn_model_of_plan(&m, plan));
    assert_ok(tn_engine_save(m, file));
    assert_ok(tn_engine_open(&e, file, NULL));
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = 3, .threads = 1}));
    assert_string_equal(tn_context_port(c, true, 0)->name, "y");
    for (int rows = 1; rows <= 3; rows++) {
        const tn_tensor in = {TN_F32, TN_SHAPE(rows, 4), x};
        const tn_shape shape =
            tn_context_port(c, true, 0)->rows == 0 ? TN_SHAPE(rows, 2) : TN_SHAPE(3, 2);
        const tn_tensor out = {TN_F32, shape, y};
        if (rows < 3)
            assert_fails(tn_context_run(c, rows, &in, &out), TN_ERR_ARGUMENT,
                         "in a context made for 3: y is made of all rows together");
        else
            assert_ok(tn_context_run(c, rows, &in, &out));
    }
    tn_context_destroy(c);
    tn_engine_close(e);
    tn_model_close(m);
    tn_model_close(net);
    tn_plan_destroy(plan);
    tn_device_close(device);
    assert_int_equal(unlink(file), 0);
}

/* ---- at once ---------------------------------------------------------------------------------- */

enum { THREADS = 4, RUNS = 20 };

static void *run_many(void *arg)
{
    tn_context *c = NULL;
    float got[MOST * LAB_CLASSES], got_sure[MOST * LAB_CLASSES];
    tn_status status = tn_context_create(&c, arg, &(tn_context_opts){.rows = 3, .threads = 1});
    for (int i = 0; i < RUNS && status == TN_OK; i++) {
        const int first = i % 3;
        status = lab_engine_run(c, pixels + first * LAB_PIXELS, 3, got, got_sure);
        if (status == TN_OK &&
            lab_engine_off(got, fc + first * LAB_CLASSES, 3 * LAB_CLASSES) > 1e-5F)
            status = TN_ERR_DEVICE;
    }
    tn_context_destroy(c);
    return (void *)(uintptr_t)status;
}

static void several_run_at_once(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    tn_engine *e = NULL;
    assert_ok(tn_engine_open(&e, path, NULL));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_many, e), 0);
    for (int i = 0; i < THREADS; i++) {
        void *status;
        assert_int_equal(pthread_join(thread[i], &status), 0);
        assert_int_equal((uintptr_t)status, TN_OK);
    }
    tn_engine_close(e);
}

/* ---- out of memory ---------------------------------------------------------------------------- */

static tn_status make_context(void *arg)
{
    tn_context *c = NULL;
    TN_TRY(tn_context_create(&c, arg, &(tn_context_opts){.rows = 2, .threads = 1}));
    float got[2 * LAB_CLASSES], got_sure[2 * LAB_CLASSES];
    const tn_status status = lab_engine_run(c, pixels, 2, got, got_sure);
    tn_context_destroy(c);
    return status;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    assert_ok(tn_engine_open(&e, path, NULL));
    assert_ok(make_context(e));
    assert_true(lab_fail_each_allocation(make_context, e) > 50);
    tn_engine_close(e);
}

int main(void)
{
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/flowers.plan", folder);
    tn_model *m = lab_engine_model(false);
    lab_engine_pixels(0, MOST, pixels);
    lab_engine_expect(m, pixels, MOST, fc, sure);
    assert_ok(tn_engine_save(m, path));
    tn_model_close(m);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_the_models),
        cmocka_unit_test(every_device_runs_it),
        cmocka_unit_test(it_may_lie_anywhere_in_memory),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(nor_do_outputs_in_other_layouts),
        cmocka_unit_test(contexts_share_weights),
        cmocka_unit_test(pictures_may_be_of_another_size),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(rows_that_are_mixed_are_all_there),
        cmocka_unit_test(several_run_at_once),
        cmocka_unit_test(allocations_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
