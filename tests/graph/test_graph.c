/*
 * Building a graph: the first mistake sticks, and is what is reported.
 */
#include "lab.h"
#include "plan/toy.h"

static void graphs_are_sticky(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(8));
    assert_int_equal(x.id, 1);
    assert_int_equal(tn_input(g, "x", TN_F32, TN_SHAPE(8)).id, 0);
    assert_int_equal(tn_input(g, "z", TN_F32, TN_SHAPE(0)).id, 0); /* stays quiet */
    tn_fail(TN_ERR_IO, "something else");
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT,
                 "input x: the graph has a input of that name");
    assert_fails(tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.loss = x}), TN_ERR_ARGUMENT,
                 "of that name");
    tn_graph_destroy(g);

    const struct {
        tn_shape shape;
        tn_dtype dtype;
        const char *says;
    } bad[] = {
        {TN_SHAPE(8, 0), TN_F32, "input x: dimension 1 of 8 x 0 is 0"},
        {TN_SHAPE(8), (tn_dtype)77, "77 is no dtype"},
        {TN_SHAPE(INT64_MAX, 8), TN_F32, "more elements than can be counted"},
    };
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        assert_ok(tn_graph_create(&g));
        tn_input(g, "x", bad[i].dtype, bad[i].shape);
        assert_fails(tn_graph_status(g), TN_ERR_SHAPE, bad[i].says);
        tn_graph_destroy(g);
    }
}

static void names_are_one_of_a_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } cases[] = {{"", "dense: the name is empty"},
                 {"x", "dense x: the graph has a input of that name"},
                 {"taken", "dense taken: the graph has a dense of that name"}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 2));
        assert_int_not_equal(tn_dense(g, x, &(tn_dense_opts){.name = "taken", .units = 1}).id, 0);
        tn_dense(g, x, &(tn_dense_opts){.name = cases[i].name, .units = 1});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].says);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_are_sticky),
        cmocka_unit_test(names_are_one_of_a_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
