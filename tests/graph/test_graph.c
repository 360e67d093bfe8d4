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

static tn_value add(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_add(g, x, x, opts);
}

static tn_value softmax(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_softmax(g, x, &(tn_softmax_opts){.name = opts->name});
}

static tn_value concat(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_concat(g, 1, &x, &(tn_concat_opts){.name = opts ? opts->name : NULL});
}

static tn_value mse(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_mse(g, x, x, opts);
}

static tn_value leaky_relu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    return tn_leaky_relu(g, x, &(tn_leaky_relu_opts){.name = opts->name});
}

/* Also a layer that has no other options. */
static void layers_take_the_name_they_are_given(void **state)
{
    (void)state;
    static const struct {
        tn_value (*layer)(tn_graph *g, tn_value x, const tn_layer_opts *opts);
        const char *says;
    } cases[] = {{tn_relu, "a relu of that name"},    {tn_sigmoid, "a sigmoid of that name"},
                 {tn_tanh, "a tanh of that name"},    {leaky_relu, "a leaky_relu of that name"},
                 {softmax, "a softmax of that name"}, {tn_flatten, "a flatten of that name"},
                 {add, "a add of that name"},         {concat, "a concat of that name"},
                 {mse, "a mse of that name"}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 2));
        assert_int_not_equal(cases[i].layer(g, x, &(tn_layer_opts){.name = "mine"}).id, 0);
        assert_ok(tn_graph_status(g));
        tn_dense(g, x, &(tn_dense_opts){.name = "mine", .units = 1});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].says);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_are_sticky),
        cmocka_unit_test(names_are_one_of_a_kind),
        cmocka_unit_test(layers_take_the_name_they_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
