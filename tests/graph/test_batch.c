/*
 * Which dimension of a value is the batch: of inputs as they say, of all else by what their op does with it; and the
 * same graph for another batch.
 */
#include "graph/graph.h"
#include "lab.h"

static tn_graph *g;

static int open_graph(void **state)
{
    (void)state;
    assert_ok(tn_graph_create(&g));
    return 0;
}

static int close_graph(void **state)
{
    (void)state;
    tn_graph_destroy(g);
    return 0;
}

static int batch_of(tn_value v)
{
    assert_ok(tn_graph_status(g));
    return g->node[g->value[v.id - 1].node]->y_batch[g->value[v.id - 1].index];
}

/* An op of the test's: y has the shape that its options name. */
typedef struct shaped_opts {
    tn_shape y;
} shaped_opts;

static tn_status infer_shaped(tn_node *n)
{
    n->y[0] = ((const shaped_opts *)n->opts)->y;
    return TN_OK;
}

static tn_value shaped(tn_batch_rule rule, int count, const tn_value *x, tn_shape y)
{
    static tn_op ops[TN_BATCH_OVER + 1];
    ops[rule] = (tn_op){.name = "shaped",
                        .opts_size = sizeof(shaped_opts),
                        .min_in = 1,
                        .max_in = TN_MAX_IN,
                        .batch = rule,
                        .infer = infer_shaped};
    return tn_graph_add(g, &ops[rule], NULL, count, x, &(shaped_opts){y});
}

static void inputs_say_it(void **state)
{
    (void)state;
    assert_int_equal(batch_of(tn_input(g, "x", TN_F32, TN_SHAPE(4, 3))), 0);
    assert_int_equal(batch_of(tn_input(g, "scalar", TN_F32, (tn_shape){0})), TN_BATCH_NONE);
    assert_int_equal(batch_of(tn_input_batched(g, "t", TN_F32, TN_SHAPE(5, 4, 3), 1)), 1);
    assert_int_equal(batch_of(tn_input_batched(g, "w", TN_F32, TN_SHAPE(4, 3), TN_NO_BATCH)),
                     TN_BATCH_NONE);
    tn_input_batched(g, "bad", TN_F32, TN_SHAPE(4, 3), 2);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT,
                 "input bad is 4 x 3: its batch cannot be dimension 2");
}

static void an_input_has_none_below(void **state)
{
    (void)state;
    tn_input_batched(g, "bad", TN_F32, TN_SHAPE(4, 3), -2);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "its batch cannot be dimension -2");
}

static void ops_follow_their_rule(void **state)
{
    (void)state;
    const tn_value rows = tn_input(g, "rows", TN_F32, TN_SHAPE(4, 3));
    const tn_value last = tn_input_batched(g, "last", TN_F32, TN_SHAPE(3, 4), 1);
    const tn_value table = tn_input_batched(g, "table", TN_F32, TN_SHAPE(4, 3), TN_NO_BATCH);
    const tn_value row = tn_input_batched(g, "row", TN_F32, TN_SHAPE(3), TN_NO_BATCH);
    const tn_value mean = shaped(TN_BATCH_OVER, 1, &rows, (tn_shape){0});
    const tn_value mixed = shaped(TN_BATCH_ROWS, 1, &last, TN_SHAPE(3, 4));
    const tn_shape same = TN_SHAPE(4, 3), turned = TN_SHAPE(3, 4), none = {0};
    const struct {
        const char *why;
        tn_batch_rule rule;
        tn_value x[2];
        tn_shape y;
        int batch;
    } cases[] = {
        {"rows", TN_BATCH_ROWS, {rows}, same, 0},
        {"fewer features", TN_BATCH_ROWS, {rows}, TN_SHAPE(4), 0},
        {"rows beside a table", TN_BATCH_ROWS, {rows, table}, TN_SHAPE(4, 6), 0},
        {"not as many rows", TN_BATCH_ROWS, {rows}, TN_SHAPE(12), TN_BATCH_MIXED},
        {"a scalar of which nothing is said", TN_BATCH_ROWS, {rows}, none, TN_BATCH_MIXED},
        {"the batch is not its rows", TN_BATCH_ROWS, {last}, turned, TN_BATCH_MIXED},
        {"no batch", TN_BATCH_ROWS, {table}, TN_SHAPE(7), TN_BATCH_NONE},
        {"each element, rows", TN_BATCH_EACH, {rows}, same, 0},
        {"each element, columns", TN_BATCH_EACH, {last}, turned, 1},
        {"two that agree", TN_BATCH_SUM, {rows, rows}, same, 0},
        {"two that do not", TN_BATCH_SUM, {rows, last}, same, TN_BATCH_MIXED},
        {"a row for all", TN_BATCH_SUM, {rows, row}, same, 0},
        {"broadcast from the end", TN_BATCH_EACH, {rows, row}, TN_SHAPE(2, 4, 3), 1},
        {"one that tells rows apart", TN_BATCH_SUM, {rows, table}, same, TN_BATCH_MIXED},
        {"a mean", TN_BATCH_OVER, {rows, rows}, none, TN_BATCH_MEAN},
        {"a mean of what has none", TN_BATCH_OVER, {table}, none, TN_BATCH_NONE},
        {"means add up", TN_BATCH_SUM, {mean, mean}, none, TN_BATCH_MEAN},
        {"a weighted mean", TN_BATCH_PRODUCT, {mean, row}, TN_SHAPE(3), TN_BATCH_MEAN},
        {"a mean squared", TN_BATCH_PRODUCT, {mean, mean}, none, TN_BATCH_MIXED},
        {"a function of a mean", TN_BATCH_EACH, {mean}, none, TN_BATCH_MIXED},
        {"rows less their mean", TN_BATCH_SUM, {rows, mean}, same, TN_BATCH_MIXED},
        {"what is mixed stays so", TN_BATCH_EACH, {mixed}, turned, TN_BATCH_MIXED},
    };
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        const int count = 1 + (cases[c].x[1].id != 0);
        const int batch = batch_of(shaped(cases[c].rule, count, cases[c].x, cases[c].y));
        if (batch != cases[c].batch)
            fail_msg("%s: %d, not %d", cases[c].why, batch, cases[c].batch);
    }
}

static void means_are_over_dimension_0(void **state)
{
    (void)state;
    const tn_value x = tn_input_batched(g, "x", TN_F32, TN_SHAPE(5, 4), 1);
    tn_mse(g, x, x, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE,
                 "mse mse1: the batch of input 0, 5 x 4, is its dimension 1");
}

/* ---- another batch ------------------------------------------------------------------------------ */

static tn_shape shape_in(const tn_graph *of, tn_value v)
{
    tn_shape shape;
    assert_ok(tn_value_shape(of, v, &shape));
    return shape;
}

static void a_graph_can_be_made_for_another(void **state)
{
    (void)state;
    tn_graph *other = NULL;
    int64_t batch;
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3));
    const tn_value t = tn_input_batched(g, "t", TN_F32, TN_SHAPE(3, 4), 1);
    const tn_value bias = tn_input_batched(g, "bias", TN_F32, TN_SHAPE(4, 5), TN_NO_BATCH);
    const tn_value y = tn_dense(g, x, &(tn_dense_opts){.units = 5});
    const tn_value loss = tn_mse(g, y, y, NULL), r = tn_relu(g, t, NULL);
    assert_ok(tn_graph_batch(g, &batch));
    assert_int_equal(batch, 4);
    assert_ok(tn_graph_resize(&other, g, 7));
    assert_true(tn_shape_equal(&(tn_shape){2, {7, 5}}, &(tn_shape[]){shape_in(other, y)}[0]));
    assert_true(tn_shape_equal(&(tn_shape){2, {3, 7}}, &(tn_shape[]){shape_in(other, r)}[0]));
    assert_true(tn_shape_equal(&(tn_shape){2, {4, 5}}, &(tn_shape[]){shape_in(other, bias)}[0]));
    assert_int_equal(shape_in(other, loss).ndim, 0);
    tn_graph_destroy(other);
}

static void inputs_must_agree(void **state)
{
    (void)state;
    int64_t batch;
    tn_input(g, "x", TN_F32, TN_SHAPE(4, 3));
    tn_input_batched(g, "t", TN_F32, TN_SHAPE(3, 5), 1);
    assert_fails(tn_graph_batch(g, &batch), TN_ERR_SHAPE,
                 "input t is 3 x 5, a batch of 5, but input x is 4 x 3, one of 4");
}

/* An op that takes for the batch what is not, by the same number, shows it when there is another. */
static void what_is_not_the_batch_is_found_out(void **state)
{
    (void)state;
    tn_graph *other = NULL;
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 4));
    shaped(TN_BATCH_ROWS, 1, &x, TN_SHAPE(4, 2));
    assert_fails(
        tn_graph_resize(&other, g, 2), TN_ERR_SHAPE,
        "with a batch of 2: shaped shaped1 is 4 x 2, not 2 x 2: its rows are not those of the "
        "batch");
}

static void it_is_in_no_parameter(void **state)
{
    (void)state;
    tn_graph *other = NULL;
    const tn_value x = tn_input_batched(g, "x", TN_F32, TN_SHAPE(3, 4), 1);
    tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = 5});
    assert_fails(tn_graph_resize(&other, g, 2), TN_ERR_SHAPE,
                 "with a batch of 2: fc.weight is 5 x 2, not 5 x 4: the batch must not be in it");
}

static tn_status resize(void *unused)
{
    (void)unused;
    tn_graph *other = NULL;
    const tn_status status = tn_graph_resize(&other, g, 2);
    tn_graph_destroy(other);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3));
    tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.units = 5}), NULL);
    assert_true(lab_fail_each_allocation(resize, NULL) > 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_graph, close_graph)
    const struct CMUnitTest tests[] = {
        TEST(inputs_say_it),
        TEST(an_input_has_none_below),
        TEST(ops_follow_their_rule),
        TEST(means_are_over_dimension_0),
        TEST(a_graph_can_be_made_for_another),
        TEST(inputs_must_agree),
        TEST(what_is_not_the_batch_is_found_out),
        TEST(it_is_in_no_parameter),
        TEST(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
