/* flatten: another shape of the same numbers, behind and before operations with layouts of their own. */
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_flatten(g, x[0], NULL);
}

static tn_value build_around(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_add(g, tn_flatten(g, tn_add(g, x[0], x[0], NULL), NULL), tn_flatten(g, x[0], NULL),
                  NULL);
}

static void times(const lab_ref *r, double factor)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] = factor * r->x[0][i];
}

static void reference(const lab_ref *r)
{
    times(r, 1);
}

static void reference_around(const lab_ref *r)
{
    times(r, 3);
}

static const lab_case cases[] = {
    {.why = "feature maps", .x = {{{4, {2, 3, 4, 5}}}}},
    {.why = "one dimension becomes N x 1", .x = {{{1, {7}}}}},
    {.why = "two stay two", .x = {{{2, {3, 4}}}}},
    {.why = "AlexNet's last maps", .x = {{{4, {2, 256, 6, 6}}}}},
};

static void moves_nothing(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void stands_between_others(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_around, .reference = reference_around};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void gives_shapes(void **unused)
{
    (void)unused;
    tn_graph *g;
    tn_shape y;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, 4, 5));
    assert_ok(tn_value_shape(g, tn_flatten(g, x, NULL), &y));
    assert_string_equal(tn_shape_format(&y).text, "2 x 60");
    tn_flatten(g, tn_input(g, "scalar", TN_F32, (tn_shape){0}), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "x is a scalar");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_nothing),
        cmocka_unit_test(stands_between_others),
        cmocka_unit_test(gives_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
