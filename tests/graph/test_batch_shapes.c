/* What layers that move, join and reduce do with the batch: which dimension of y it is, and the same graph for another. */
#include "graph/graph.h"
#include "lab.h"

enum { ROWS = 4 };

/* x: 4 x 6 x 5, rows; t: 6 x 4, whose dimension 1 is the batch; w: 4 x 6, without; m: a mean. */
typedef struct values {
    tn_value x, t, w, m;
} values;

static values begin(tn_graph *g)
{
    values v = {.x = tn_input(g, "x", TN_F32, TN_SHAPE(ROWS, 6, 5)),
                .t = tn_input_batched(g, "t", TN_F32, TN_SHAPE(6, ROWS), 1),
                .w = tn_input_batched(g, "w", TN_F32, TN_SHAPE(ROWS, 6), TN_NO_BATCH)};
    v.m = tn_reduce(g, v.x, &(tn_reduce_opts){.axes = TN_SHAPE(0, 1), .name = "m"});
    return v;
}

static void check(const char *why, tn_graph *g, tn_value y, int want, const tn_shape *other_shape)
{
    assert_ok(tn_graph_status(g));
    const tn_made *made = &g->value[y.id - 1];
    const int batch = g->node[made->node]->y_batch[made->index];
    tn_graph *other = NULL;
    tn_shape shape;
    if (batch != want)
        fail_msg("%s: %d, not %d", why, batch, want);
    assert_ok(tn_graph_resize(&other, g, 7));
    assert_ok(tn_value_shape(other, y, &shape));
    if (other_shape && !tn_shape_equal(&shape, other_shape))
        fail_msg("%s: %s for another batch, not %s", why, tn_shape_format(&shape).text,
                 tn_shape_format(other_shape).text);
    tn_graph_destroy(other);
}

#define CHECK(why, batch, shape, call)  \
    do {                                \
        tn_graph *g = NULL;             \
        assert_ok(tn_graph_create(&g)); \
        const values v = begin(g);      \
        (void)v;                        \
        const tn_value y = (call);      \
        check(why, g, y, batch, shape); \
        tn_graph_destroy(g);            \
    } while (0)

#define SHAPE(...) (&(tn_shape[]){TN_SHAPE(__VA_ARGS__)}[0])
#define AXES(...)                     \
    &(tn_transpose_opts)              \
    {                                 \
        .axes = TN_SHAPE(__VA_ARGS__) \
    }
#define TO(...)                        \
    &(tn_reshape_opts)                 \
    {                                  \
        .shape = TN_SHAPE(__VA_ARGS__) \
    }
#define OVER(...)     \
    &(tn_reduce_opts) \
    {                 \
        __VA_ARGS__   \
    }

static void moves(void **unused)
{
    (void)unused;
    CHECK("transposed away", 2, SHAPE(6, 5, 7), tn_transpose(g, v.x, AXES(1, 2, 0)));
    CHECK("transposed to the front", 0, SHAPE(7, 6), tn_transpose(g, v.t, NULL));
    CHECK("transposed, without", TN_BATCH_NONE, SHAPE(6, 4), tn_transpose(g, v.w, NULL));
    CHECK("kept", 0, SHAPE(7, 30), tn_reshape(g, v.x, TO(0, -1)));
    CHECK("inferred, then moved", 1, SHAPE(2, 7, 15),
          tn_transpose(g, tn_reshape(g, v.x, TO(-1, 2, 15)), AXES(1, 0, 2)));
    CHECK("behind a new one", 1, SHAPE(1, 7, 30), tn_reshape(g, v.x, TO(1, -1, 30)));
    CHECK("merged with what follows", TN_BATCH_MIXED, SHAPE(42, 5), tn_reshape(g, v.x, TO(-1, 5)));
    CHECK("behind others, split", 2, SHAPE(2, 3, 7), tn_reshape(g, v.t, TO(2, 3, -1)));
    CHECK("some columns", 0, SHAPE(7, 2, 5),
          tn_slice(g, v.x, &(tn_slice_opts){.end = TN_SHAPE(INT64_MAX, 2)}));
    CHECK("some rows", TN_BATCH_MIXED, NULL,
          tn_slice(g, v.x, &(tn_slice_opts){.end = TN_SHAPE(2)}));
    CHECK("columns beside", 0, SHAPE(7, 8, 5),
          tn_pad(g, v.x, &(tn_pad_opts){.before = TN_SHAPE(0, 2)}));
    CHECK("columns beside, mirrored", 0, SHAPE(7, 8, 5),
          tn_pad(g, v.x, &(tn_pad_opts){.kind = TN_PAD_REFLECT, .before = TN_SHAPE(0, 2)}));
    CHECK("rows beside", TN_BATCH_MIXED, NULL,
          tn_pad(g, v.x, &(tn_pad_opts){.after = TN_SHAPE(1)}));
    CHECK("a dimension in front", 1, SHAPE(3, 7, 6, 5),
          tn_broadcast_to(g, v.x, &(tn_broadcast_to_opts){.shape = TN_SHAPE(3, 0, 0, 0)}));
}

static void joins(void **unused)
{
    (void)unused;
    CHECK("beside each other", 0, SHAPE(7, 12, 5), tn_concat(g, 2, (tn_value[]){v.x, v.x}, NULL));
    CHECK("below each other", TN_BATCH_MIXED, NULL,
          tn_concat(g, 2, (tn_value[]){v.x, v.x}, &(tn_concat_opts){.axis = TN_ZERO}));
    CHECK("the batch is another dimension", 1, SHAPE(12, 7),
          tn_concat(g, 2, (tn_value[]){v.t, v.t}, &(tn_concat_opts){.axis = TN_ZERO}));
    CHECK("without", TN_BATCH_NONE, SHAPE(4, 12), tn_concat(g, 2, (tn_value[]){v.w, v.w}, NULL));
}

static void reductions(void **unused)
{
    (void)unused;
    CHECK("columns", 0, SHAPE(7), tn_reduce(g, v.x, OVER(.axes = TN_SHAPE(1, 2))));
    CHECK("columns, kept", 0, SHAPE(7, 1, 5),
          tn_reduce(g, v.x, OVER(.axes = TN_SHAPE(1), .keep = true)));
    CHECK("what is in front of it", 0, SHAPE(7), tn_reduce(g, v.t, OVER(.axes = TN_SHAPE(0))));
    CHECK("a mean over rows", TN_BATCH_MEAN, SHAPE(5),
          tn_reduce(g, v.x, OVER(.axes = TN_SHAPE(0, 1))));
    CHECK("a sum over rows", TN_BATCH_MIXED, NULL,
          tn_reduce(g, v.x, OVER(.kind = TN_REDUCE_SUM, .axes = TN_SHAPE(0))));
    CHECK("the largest of all rows", TN_BATCH_MIXED, NULL,
          tn_reduce(g, v.x, OVER(.kind = TN_REDUCE_MAX)));
    CHECK("a sum of means", TN_BATCH_MEAN, NULL, tn_reduce(g, v.m, OVER(.kind = TN_REDUCE_SUM)));
    CHECK("the largest mean", TN_BATCH_MIXED, NULL, tn_reduce(g, v.m, OVER(.kind = TN_REDUCE_MAX)));
    CHECK("without", TN_BATCH_NONE, NULL, tn_reduce(g, v.w, NULL));
}

static void products(void **unused)
{
    (void)unused;
    CHECK("of rows and weights", 0, SHAPE(7, 6, 4),
          tn_matmul(g, v.x, tn_input_batched(g, "k", TN_F32, TN_SHAPE(5, 4), TN_NO_BATCH), NULL));
    CHECK("of rows", 0, SHAPE(7, 6, 6),
          tn_matmul(g, v.x, v.x, &(tn_matmul_opts){.transpose_b = true}));
    CHECK("the batch are the rows of y", 0, SHAPE(7, 4),
          tn_matmul(g, v.t, v.w, &(tn_matmul_opts){.transpose_a = true, .transpose_b = true}));
    CHECK("its columns", 1, SHAPE(4, 7), tn_matmul(g, v.w, v.t, NULL));
    CHECK("summed over", TN_BATCH_MIXED, NULL,
          tn_matmul(g, v.t, v.t, &(tn_matmul_opts){.transpose_b = true}));
    CHECK("rows by columns", TN_BATCH_MIXED, NULL,
          tn_matmul(g, v.t, v.t, &(tn_matmul_opts){.transpose_a = true}));
    CHECK("without", TN_BATCH_NONE, SHAPE(4, 4),
          tn_matmul(g, v.w, v.w, &(tn_matmul_opts){.transpose_b = true}));
}

static void rows_are_dimension_0(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_reduce(g, begin(g).t, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE,
                 "reduce2: the batch of x, 6 x 4, is its dimension 1");
    tn_graph_destroy(g);
}

/* Numbers in place of 0 or -1: found out where there is another batch. */
static void a_shape_that_names_the_batch_is_found_out(void **unused)
{
    (void)unused;
    tn_graph *g = NULL, *other = NULL;
    assert_ok(tn_graph_create(&g));
    tn_reshape(g, begin(g).x, TO(ROWS, 30));
    assert_ok(tn_graph_status(g));
    assert_fails(
        tn_graph_resize(&other, g, 2), TN_ERR_SHAPE,
        "with a batch of 2: reshape reshape1: the 60 elements of 2 x 6 x 5 do not make 4 x 30");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves),
        cmocka_unit_test(joins),
        cmocka_unit_test(reductions),
        cmocka_unit_test(products),
        cmocka_unit_test(rows_are_dimension_0),
        cmocka_unit_test(a_shape_that_names_the_batch_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
