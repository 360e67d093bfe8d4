/* add: the sum of two shapes, also where both are the same value. */
#include "lab_binary.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)opts;
    return tn_add(g, x[0], x[num_x - 1], NULL);
}

static void reference(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] = r->x[0][i] + r->x[r->num_x - 1][i];
}

static void adds(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_case cases[] = {
        {.why = "smallest", .x = {{{1, {1}}}, {{1, {1}}}}},
        {.why = "one value twice: its gradients add up", .x = {{{2, {3, 5}}}}},
        {.why = "one dimension, odd", .x = {{{1, {1037}}}, {{1, {1037}}}}},
        {.why = "ResNet-50's last stage", .x = {{{4, {2, 2048, 7, 7}}}, {{4, {2, 2048, 7, 7}}}}},
        {.why = "six dimensions", .x = {{{6, {2, 1, 3, 1, 2, 5}}}, {{6, {2, 1, 3, 1, 2, 5}}}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* Residual blocks hand over blocked layouts with padded channels: 3 and 20 are no whole blocks. */
static tn_value build_residual(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_add(g, x[0], tn_add(g, x[0], x[1], NULL), NULL);
}

static void reference_residual(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] = 2 * r->x[0][i] + r->x[1][i];
}

static void adds_in_a_chain(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_residual, .reference = reference_residual};
    static const lab_case cases[] = {
        {.why = "a value that is read again later may not be overwritten in place",
         .x = {{{4, {2, 20, 3, 5}}}, {{4, {2, 20, 3, 5}}}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static double formula(double a, double b)
{
    return a + b;
}

static void broadcasts(void **unused)
{
    (void)unused;
    lab_check_binary(&(lab_binary){.layer = tn_add, .formula = formula});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds),
        cmocka_unit_test(adds_in_a_chain),
        cmocka_unit_test(broadcasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
