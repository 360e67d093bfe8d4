/* Models of one operator, over opsets and attributes: what onnxruntime made of them (tests/golden/make_onnx.py,
 * make_onnx_windows.py). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "base/base.h"
#include "io/safetensors.h"
#include "lab.h"
#include "lab_onnx.h"

enum { MOST_WRONG = 20, MOST_NUMBERS = 4096 };

static tn_safetensors *golden;

/* The numbers of "NAME.part", which the caller frees. */
static void *read_part(const char *name, const char *part, tn_shape *shape)
{
    char key[200];
    snprintf(key, sizeof key, "%s.%s", name, part);
    const tn_safetensor *t = tn_safetensors_find(golden, key);
    assert_non_null(t);
    void *data = malloc(t->bytes + 1);
    assert_ok(tn_safetensors_read(golden, t, data));
    *shape = t->shape;
    return data;
}

static const char *write_model(const char *name)
{
    const char *path = lab_onnx_path("case.onnx");
    tn_shape shape;
    void *bytes = read_part(name, "model", &shape);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)shape.dim[0], f), (size_t)shape.dim[0]);
    fclose(f);
    free(bytes);
    return path;
}

/* Has the case a second input, which is of integers? */
static bool has_second(const char *name)
{
    char key[200];
    snprintf(key, sizeof key, "%.190s.x1", name);
    return tn_safetensors_find(golden, key) != NULL;
}

static tn_status set_second(tn_plan *plan, const tn_graph *g, const char *name)
{
    tn_shape shape;
    if (!has_second(name))
        return TN_OK;
    int32_t *data = read_part(name, "x1", &shape);
    const tn_status status =
        tn_plan_set(plan, tn_graph_input(g, 1), (tn_tensor){TN_I32, shape, data});
    free(data);
    return status;
}

/* Integers as floats. */
static tn_status get(tn_plan *plan, const tn_graph *g, tn_value out, const tn_shape *shape,
                     float *y)
{
    static int32_t whole[MOST_NUMBERS];
    tn_dtype dtype;
    int64_t count;
    assert_ok(tn_shape_count(shape, &count));
    assert_ok(tn_value_dtype(g, out, &dtype));
    if (dtype != TN_I32)
        return tn_plan_get(plan, out, (tn_tensor){TN_F32, *shape, y});
    const tn_status status = tn_plan_get(plan, out, (tn_tensor){TN_I32, *shape, whole});
    for (int64_t i = 0; i < count; i++)
        y[i] = (float)whole[i];
    return status;
}

/* Its first output for that x, of as many rows as that has; or what went wrong. */
static tn_status run(const tn_model *m, const char *name, const float *x, const tn_shape *x_shape,
                     const tn_shape *shape, float *y)
{
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_shape own;
    const tn_graph *g = tn_model_graph(m);
    const tn_value out = tn_graph_output_at(g, 0);
    assert_ok(tn_value_shape(g, tn_graph_input(g, 0), &own));
    assert_ok(tn_device_open(&device, "cpu"));
    const bool other = own.ndim && own.dim[0] != x_shape->dim[0];
    tn_status status = tn_plan_create(
        &plan, g, device,
        &(tn_plan_opts){
            .from = m, .keep = &out, .num_keep = 1, .batch = other ? x_shape->dim[0] : 0});
    if (status == TN_OK)
        status = tn_plan_set(plan, tn_graph_input(g, 0),
                             (tn_tensor){TN_F32, *x_shape, (void *)(uintptr_t)x});
    if (status == TN_OK)
        status = set_second(plan, g, name);
    if (status == TN_OK)
        status = tn_plan_evaluate(plan);
    if (status == TN_OK)
        status = get(plan, g, out, shape, y);
    tn_plan_destroy(plan);
    tn_device_close(device);
    return status;
}

static bool is_near(const float *y, const float *want, int64_t count)
{
    float most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(want[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(y[i] - want[i]) <= 1e-5f * most + 1e-6f) && !(isnan(y[i]) && isnan(want[i])))
            return false;
    return true;
}

/* What is wanted, where it is integers. */
static void make_real(const char *name, float *want, int64_t count)
{
    char key[200];
    snprintf(key, sizeof key, "%.190s.y", name);
    if (tn_safetensors_find(golden, key)->dtype != TN_I32)
        return;
    for (int64_t i = 0; i < count; i++) {
        int32_t whole;
        memcpy(&whole, want + i, sizeof whole);
        want[i] = (float)whole;
    }
}

/* Opened as the file has it, and planned for the rows of x where it leaves the batch open. */
static bool check(const char *name)
{
    tn_model *m = NULL;
    tn_shape x_shape, y_shape;
    float *x = read_part(name, "x", &x_shape), *want = read_part(name, "y", &y_shape);
    static float y[MOST_NUMBERS];
    int64_t count;
    assert_ok(tn_shape_count(&y_shape, &count));
    assert_true((size_t)count <= TN_COUNT(y));
    make_real(name, want, count);
    tn_status status = tn_model_open(&m, write_model(name), NULL);
    if (status == TN_OK)
        status = run(m, name, x, &x_shape, &y_shape, y);
    const bool good = status == TN_OK && is_near(y, want, count);
    if (status != TN_OK)
        print_error("%s: %s\n", name, tn_error());
    else if (!good)
        print_error("%s: the first is %g, not %g\n", name, (double)y[0], (double)want[0]);
    tn_model_close(m);
    free(x);
    free(want);
    return good;
}

static void check_all(const char *file, int least)
{
    int wrong = 0, cases = 0;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("TENON_TEST_GOLDEN"), file);
    assert_ok(tn_safetensors_open(&golden, path));
    const tn_safetensor *t;
    for (size_t i = 0; (t = tn_safetensors_at(golden, i)) && wrong < MOST_WRONG; i++) {
        const size_t length = strlen(t->name);
        char name[200];
        if (length < 6 || strcmp(t->name + length - 6, ".model") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(length - 6), t->name);
        wrong += !check(name);
        cases++;
    }
    tn_safetensors_close(golden);
    assert_int_equal(wrong, 0);
    assert_true(cases >= least);
}

static void operators_are_what_they_are_elsewhere(void **state)
{
    (void)state;
    check_all("onnx.safetensors", 200);
}

static void windows_and_choices_are_what_they_are_elsewhere(void **state)
{
    (void)state;
    check_all("onnx_windows.safetensors", 150);
}

/* Each allocation of an import fails once. */
static void fail_each_allocation(const char *name)
{
    const char *file = write_model(name);
    const long before = tn_alloc_live();
    tn_status status = TN_ERR_MEMORY;
    for (long nth = 1; status != TN_OK; nth++) {
        tn_model *m = NULL;
        tn_alloc_fail_at(nth);
        status = tn_model_open(&m, file, NULL);
        tn_alloc_fail_at(0);
        tn_model_close(m);
        if (status != TN_OK && status != TN_ERR_MEMORY)
            fail_msg("%s, allocation %ld: %s", name, nth, tn_error());
        assert_int_equal(tn_alloc_live(), before);
    }
}

/* Of the file's cases whose names have one of these words in them, two of each. */
static void fail_allocations_of(const char *file, const char *const *words, size_t count)
{
    int cases[16] = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("TENON_TEST_GOLDEN"), file);
    assert_ok(tn_safetensors_open(&golden, path));
    const tn_safetensor *t;
    for (size_t i = 0; (t = tn_safetensors_at(golden, i)); i++) {
        char name[200];
        snprintf(name, sizeof name, "%s", t->name);
        char *end = strstr(name, ".model");
        for (size_t j = 0; end && j < count; j++)
            if (strstr(name, words[j]) && cases[j]++ < 2) {
                *end = '\0';
                fail_each_allocation(name);
                break;
            }
    }
    tn_safetensors_close(golden);
    for (size_t j = 0; j < count; j++)
        assert_true(cases[j] > 0);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    static const char *const words[] = {
        "Gemm",     "known", "PRelu", "Split", "LayerNormalization", "Pad", "BatchNormalization",
        "quantised"};
    static const char *const windows[] = {"ConvTranspose", "AveragePool", "Resize",
                                          "Gather",        "TopK",        "Loss"};
    fail_allocations_of("onnx.safetensors", words, TN_COUNT(words));
    fail_allocations_of("onnx_windows.safetensors", windows, TN_COUNT(windows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_are_what_they_are_elsewhere),
        cmocka_unit_test(windows_and_choices_are_what_they_are_elsewhere),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
