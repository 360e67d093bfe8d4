/*
 * Out and in again: a model that was written as ONNX and is opened has the same outputs, by name, and computes the same. The
 * importer is held to onnxruntime's numbers (test_onnx_ops.c), and so the writers are.
 */
#define _XOPEN_SOURCE 700 /* open_memstream */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "lab_export.h"

enum { MOST = 16, BATCH = 2 };

static const char *folder;
static tn_device *device;

static int open_all(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return tn_device_open(&device, "cpu") == TN_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    tn_device_close(device);
    lab_remove(folder);
    return 0;
}

static int64_t count_of(const tn_graph *g, tn_value v, tn_shape *shape, tn_dtype *dtype)
{
    int64_t count;
    assert_ok(tn_value_shape(g, v, shape));
    assert_ok(tn_value_dtype(g, v, dtype));
    assert_ok(tn_shape_count(shape, &count));
    return count;
}

/* From -2 to 2, any byte, the first three numbers of places. */
static void set_inputs(tn_plan *p, const tn_graph *g)
{
    tn_value x;
    for (int index = 0; (x = tn_graph_input(g, index)).id; index++) {
        tn_shape shape;
        tn_dtype dtype;
        const int64_t count = count_of(g, x, &shape, &dtype);
        float *data = malloc((size_t)count * sizeof *data);
        for (int64_t i = 0; i < count; i++)
            if (dtype == TN_U8)
                ((uint8_t *)data)[i] = (uint8_t)(i * 37 % 256);
            else if (dtype == TN_I32)
                ((int32_t *)data)[i] = (int32_t)(i * 37 % 3);
            else
                data[i] = (float)(i * 37 % 101 - 50) / 25;
        if (strcmp(tn_value_name(g, x), "label") != 0) /* which the loss alone reads */
            assert_ok(tn_plan_set(p, x, (tn_tensor){dtype, shape, data}));
        free(data);
    }
}

/* What a model makes of it: each output for free(), as doubles. */
static void run(const tn_model *m, const tn_value *out, int num, double **y)
{
    const tn_graph *g = tn_model_graph(m);
    tn_plan *p = NULL;
    assert_ok(
        tn_plan_create(&p, g, device, &(tn_plan_opts){.from = m, .keep = out, .num_keep = num}));
    set_inputs(p, g);
    assert_ok(tn_plan_evaluate(p));
    for (int i = 0; i < num; i++) {
        tn_shape shape;
        tn_dtype dtype;
        const int64_t count = count_of(g, out[i], &shape, &dtype);
        float *data = malloc((size_t)count * sizeof *data);
        y[i] = malloc((size_t)count * sizeof **y);
        assert_ok(tn_plan_get(p, out[i], (tn_tensor){dtype, shape, data}));
        for (int64_t k = 0; k < count; k++)
            y[i][k] = dtype == TN_I32 ? (double)((int32_t *)data)[k] : (double)data[k];
        free(data);
    }
    tn_plan_destroy(p);
}

static void compare(const char *net, const char *name, const double *got, const double *want,
                    int64_t count)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(want[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-5 * most))
            fail_msg("%s: %s[%lld] is %g, not %g", net, name, (long long)i, got[i], want[i]);
}

static void check(const lab_export_net *net)
{
    char path[600];
    tn_model *m = lab_export_model(net->lines), *back = NULL;
    tn_value out[MOST], other[MOST];
    double *want[MOST], *got[MOST];
    int num = 0;
    snprintf(path, sizeof path, "%s/%s.onnx", folder, net->name);
    assert_ok(tn_model_tell(m, "tenon.classes", "cat\ndog"));
    assert_ok(tn_model_save(m, path));
    assert_ok(tn_model_open(&back, path, &(tn_model_opts){.batch = BATCH}));
    const tn_graph *g = tn_model_graph(m), *h = tn_model_graph(back);
    for (int i = 0; (out[num] = tn_graph_output_at(g, i)).id; i++)
        num += strstr(tn_value_name(g, out[num]), "loss") == NULL; /* nor what it counts */
    for (int i = 0; i < num; i++) {
        other[i] = tn_graph_output_at(h, i);
        if (tn_graph_value(g, tn_value_name(h, other[i]))
                .id) /* places have a name of the import's */
            assert_string_equal(tn_value_name(h, other[i]), tn_value_name(g, out[i]));
        else
            assert_non_null(strstr(tn_value_name(h, other[i]), ".indices"));
    }
    assert_int_equal(tn_graph_output_at(h, num).id, 0);
    assert_string_equal(tn_model_fact(back, "tenon.classes"), "cat\ndog");
    run(m, out, num, want);
    run(back, other, num, got);
    for (int i = 0; i < num; i++) {
        tn_shape shape, same;
        tn_dtype dtype;
        const int64_t count = count_of(g, out[i], &shape, &dtype);
        assert_int_equal(count_of(h, other[i], &same, &dtype), count);
        assert_string_equal(tn_shape_format(&same).text, tn_shape_format(&shape).text);
        compare(net->name, tn_value_name(g, out[i]), got[i], want[i], count);
        free(want[i]);
        free(got[i]);
    }
    tn_model_close(back);
    tn_model_close(m);
}

static void computes_the_same(void **state)
{
    (void)state;
    for (const lab_export_net *n = lab_export_nets; n->name; n++)
        check(n);
}

/* What a plan of its first output is, for free(). */
static char *describe(const tn_model *m)
{
    tn_plan *p = NULL;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    const tn_value out = tn_graph_output_at(tn_model_graph(m), 0);
    assert_ok(tn_plan_create(&p, tn_model_graph(m), device,
                             &(tn_plan_opts){.dry = true, .keep = &out, .num_keep = 1, .from = m}));
    assert_ok(tn_plan_describe(p, TN_DESCRIBE_TEXT, f));
    tn_plan_destroy(p);
    fclose(f);
    return text;
}

/* Every step by the same name, kernel and layout. */
static void nets_of_the_zoo_are_planned_the_same(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/zoo.onnx", folder);
    for (const char *const *name = lab_export_zoo; *name; name++) {
        tn_model *m = lab_export_of_zoo(*name), *back = NULL;
        assert_ok(tn_model_save(m, path));
        assert_ok(tn_model_open(&back, path, NULL));
        char *want = describe(m), *got = describe(back);
        if (strcmp(got, want) != 0)
            fail_msg("%s: is planned as\n%s\nnot\n%s", *name, got, want);
        free(want);
        free(got);
        tn_model_close(back);
        tn_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_the_same),
        cmocka_unit_test(nets_of_the_zoo_are_planned_the_same),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
