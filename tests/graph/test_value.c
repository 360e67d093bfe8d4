/*
 * A value names one value of one graph: what is built on another graph, and plans of it, refuse it.
 */
#include "lab.h"

static tn_graph *mine, *other;
static tn_value x, image, label;    /* of mine */
static tn_value wrong, wrong_image; /* of other, with numbers that mine has too */

static int open_graphs(void **state)
{
    (void)state;
    assert_ok(tn_graph_create(&mine));
    assert_ok(tn_graph_create(&other));
    for (int i = 0; i < 2; i++) {
        tn_graph *g = i ? other : mine;
        const tn_value a = tn_input(g, "x", TN_F32, TN_SHAPE(4, 8, 6, 6));
        const tn_value b = tn_input(g, "image", TN_U8, TN_SHAPE(4, 6, 6, 3));
        label = tn_input(g, "label", TN_I32, TN_SHAPE(4));
        if (i)
            wrong = a, wrong_image = b;
        else
            x = a, image = b;
    }
    return 0;
}

static int close_graphs(void **state)
{
    (void)state;
    tn_graph_destroy(mine);
    tn_graph_destroy(other);
    return 0;
}

/* ---- layers ----------------------------------------------------------------------------------- */

static tn_value image_input(tn_graph *g)
{
    return tn_image_input(g, wrong_image, NULL);
}

static tn_value conv2d(tn_graph *g)
{
    return tn_conv2d(g, wrong, &(tn_conv2d_opts){.filters = 2, .kernel = {1}});
}

static tn_value dense(tn_graph *g)
{
    return tn_dense(g, wrong, &(tn_dense_opts){.units = 2});
}

static tn_value batchnorm(tn_graph *g)
{
    return tn_batchnorm(g, wrong, NULL);
}

static tn_value pool2d(tn_graph *g)
{
    return tn_pool2d(g, wrong, &(tn_pool2d_opts){.global = true});
}

static tn_value relu(tn_graph *g)
{
    return tn_relu(g, wrong, NULL);
}

static tn_value leaky_relu(tn_graph *g)
{
    return tn_leaky_relu(g, wrong, &(tn_leaky_relu_opts){.slope = 0.1F});
}

static tn_value sigmoid(tn_graph *g)
{
    return tn_sigmoid(g, wrong, NULL);
}

static tn_value tangent(tn_graph *g)
{
    return tn_tanh(g, wrong, NULL);
}

static tn_value lrn(tn_graph *g)
{
    return tn_lrn(g, wrong, NULL);
}

static tn_value dropout(tn_graph *g)
{
    return tn_dropout(g, wrong, &(tn_dropout_opts){.rate = 0.5F});
}

static tn_value add_first(tn_graph *g)
{
    return tn_add(g, wrong, tn_input(g, "x", TN_F32, TN_SHAPE(4, 8, 6, 6)), NULL);
}

static tn_value add_second(tn_graph *g)
{
    return tn_add(g, tn_input(g, "x", TN_F32, TN_SHAPE(4, 8, 6, 6)), wrong, NULL);
}

static tn_value concat(tn_graph *g)
{
    const tn_value both[] = {tn_input(g, "x", TN_F32, TN_SHAPE(4, 8, 6, 6)), wrong};
    return tn_concat(g, 2, both, NULL);
}

static tn_value flatten(tn_graph *g)
{
    return tn_flatten(g, wrong, NULL);
}

static tn_value softmax(tn_graph *g)
{
    return tn_softmax(g, wrong, NULL);
}

static tn_value mse(tn_graph *g)
{
    return tn_mse(g, tn_input(g, "x", TN_F32, TN_SHAPE(4, 8, 6, 6)), wrong, NULL);
}

static tn_value softmax_xent(tn_graph *g)
{
    return tn_softmax_xent(g, tn_input(g, "x", TN_F32, TN_SHAPE(4, 5)), label, NULL).loss;
}

static void layers_refuse_it(void **state)
{
    (void)state;
    tn_value (*const layer[])(tn_graph *) = {
        image_input, conv2d,  dense,   batchnorm, pool2d,  relu,
        leaky_relu,  sigmoid, tangent, lrn,       dropout, add_first,
        add_second,  concat,  flatten, softmax,   mse,     softmax_xent};
    for (size_t i = 0; i < TN_COUNT(layer); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_input(g, "one", TN_F32, TN_SHAPE(4, 8, 6, 6));
        tn_input(g, "two", TN_U8, TN_SHAPE(4, 6, 6, 3));
        tn_input(g, "three", TN_I32, TN_SHAPE(4));
        assert_int_equal(layer[i](g).id, 0);
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, " is one of another graph");
        tn_graph_destroy(g);
    }
}

static void graphs_refuse_it(void **state)
{
    (void)state;
    tn_shape shape;
    tn_dtype dtype;
    assert_ok(tn_value_shape(mine, x, &shape));
    assert_fails(tn_value_shape(mine, wrong, &shape), TN_ERR_ARGUMENT, "another graph");
    assert_fails(tn_value_dtype(mine, wrong, &dtype), TN_ERR_ARGUMENT, "another graph");
    assert_fails(tn_value_shape(mine, (tn_value){0}, &shape), TN_ERR_ARGUMENT, "zero handle");
    assert_fails(tn_value_shape(mine, (tn_value){99, x.graph}, &shape), TN_ERR_ARGUMENT,
                 "value 99 is none of the graph's 3");
    tn_graph_destroy(other); /* the next one may lie where it did */
    assert_ok(tn_graph_create(&other));
    tn_input(other, "x", TN_F32, TN_SHAPE(1));
    assert_fails(tn_value_shape(other, wrong, &shape), TN_ERR_ARGUMENT, "another graph");
}

/* ---- plans ------------------------------------------------------------------------------------ */

static void plans_refuse_it(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu,threads=1", "cpu:0-1"}; /* one, and a group */
    static float data[4 * 8 * 6 * 6];
    const tn_tensor host = {TN_F32, TN_SHAPE(4, 8, 6, 6), data};
    double sum;
    int64_t runs;
    const tn_value loss = tn_mse(mine, tn_relu(mine, x, NULL), x, NULL);
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        tn_device *d = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, devices[i]));
        assert_fails(tn_plan_create(&p, mine, d, &(tn_plan_opts){.loss = wrong}), TN_ERR_ARGUMENT,
                     "plan: the loss: value 1 is one of another graph");
        const tn_value keep[] = {x, wrong};
        assert_fails(
            tn_plan_create(&p, mine, d, &(tn_plan_opts){.loss = loss, .keep = keep, .num_keep = 2}),
            TN_ERR_ARGUMENT, "plan: keep[1]: value 1 is one of another graph");
        assert_ok(
            tn_plan_create(&p, mine, d, &(tn_plan_opts){.loss = loss, .input_gradients = true}));
        assert_ok(tn_plan_set(p, x, host));
        assert_fails(tn_plan_set(p, wrong, host), TN_ERR_ARGUMENT, "another graph");
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_get(p, x, host));
        assert_fails(tn_plan_get(p, wrong, host), TN_ERR_ARGUMENT, "another graph");
        assert_ok(tn_plan_get_gradient(p, x, host));
        assert_fails(tn_plan_get_gradient(p, wrong, host), TN_ERR_ARGUMENT, "another graph");
        const tn_value far = {loss.id, wrong.graph};
        assert_fails(tn_plan_take_sum(p, far, &sum, &runs), TN_ERR_ARGUMENT, "another graph");
        tn_plan_destroy(p);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_refuse_it),
        cmocka_unit_test(graphs_refuse_it),
        cmocka_unit_test(plans_refuse_it),
    };
    return cmocka_run_group_tests(tests, open_graphs, close_graphs);
}
