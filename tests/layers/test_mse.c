/* mse: the mean of squared differences, and both gradients. */
#include <math.h>

#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_mse(g, x[0], x[1], NULL);
}

static void reference(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->x_shape[0], &count));
    r->y[0] = 0;
    for (int64_t i = 0; i < count; i++)
        r->y[0] += pow(r->x[0][i] - r->x[1][i], 2) / (double)count;
}

static void is_the_mean(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .loss = true};
    static const lab_case cases[] = {
        {.why = "one element", .x = {{{1, {1}}}, {{1, {1}}}}},
        {.why = "feature maps", .x = {{{4, {2, 3, 5, 7}}}, {{4, {2, 3, 5, 7}}}}},
        {.why = "several blocks and a part of one", .x = {{{2, {3, 4099}}}, {{2, {3, 4099}}}}},
        {.why = "large against each other",
         .x = {{{2, {4, 9}}, .low = 1e4, .high = 1e4 + 1}, {{2, {4, 9}}}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* On a GPU in bf16 what is computed is bf16, and an input f32: here both are computed. */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_mse(g, tn_relu(g, x[0], NULL), tn_relu(g, x[1], NULL), NULL);
}

static void reference_behind(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->x_shape[0], &count));
    r->y[0] = 0;
    for (int64_t i = 0; i < count; i++)
        r->y[0] += pow(fmax(r->x[0][i], 0) - fmax(r->x[1][i], 0), 2) / (double)count;
}

static void takes_what_is_computed(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_behind, .reference = reference_behind, .loss = true};
    static const lab_case cases[] = {
        {.why = "two layers", .x = {{{2, {3, 5}}, .apart = true}, {{2, {3, 5}}, .apart = true}}},
        {.why = "whole vectors",
         .x = {{{2, {4, 16}}, .apart = true}, {{2, {4, 16}}, .apart = true}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* Blocks are summed in their order, whatever the number of threads. */
static void same_for_any_threads(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu,threads=1", "cpu,threads=2", "cpu,threads=5"};
    enum { COUNT = 100001 };
    float *x = calloc(COUNT, sizeof *x), *zero = calloc(COUNT, sizeof *zero);
    float loss[TN_COUNT(devices)];
    assert_true(x && zero);
    for (int i = 0; i < COUNT; i++)
        x[i] = sinf((float)i);
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, devices[i]));
        assert_ok(tn_graph_create(&g));
        const tn_value a = tn_input(g, "a", TN_F32, TN_SHAPE(COUNT));
        const tn_value b = tn_input(g, "b", TN_F32, TN_SHAPE(COUNT));
        const tn_value y = tn_mse(g, a, b, NULL);
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}));
        assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, TN_SHAPE(COUNT), x}));
        assert_ok(tn_plan_set(p, b, (tn_tensor){TN_F32, TN_SHAPE(COUNT), zero}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, {0}, &loss[i]}));
        assert_memory_equal(&loss[i], &loss[0], sizeof loss[0]);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
    free(x);
    free(zero);
}

static void refuses(void **unused)
{
    (void)unused;
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_mse(g, tn_input(g, "a", TN_F32, TN_SHAPE(2, 3)), tn_input(g, "b", TN_F32, TN_SHAPE(6)),
           NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "x is 2 x 3, target 6");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_mean),
        cmocka_unit_test(takes_what_is_computed),
        cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
