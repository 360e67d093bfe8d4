/* gather: slices by number along every axis, indices of any shape; equal ones share a gradient; what there is not is told. */
#include "graph/graph.h"
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_gather(g, x[0], x[1], opts);
}

static void reference(const lab_ref *r)
{
    const tn_gather_opts *o = r->opts;
    const int ndim = r->x_shape[0].ndim;
    const int axis = !o ? 0 : o->axis < 0 ? o->axis + ndim : o->axis;
    const tn_lines l = tn_lines_along(&r->x_shape[0], axis);
    const int64_t J = o && o->each ? r->x_shape[1].dim[axis] : tn_elements(&r->x_shape[1]);
    for (int64_t outer = 0; outer < l.outer; outer++)
        for (int64_t j = 0; j < J; j++)
            for (int64_t i = 0; i < l.inner; i++) {
                const int64_t at = (outer * J + j) * l.inner + i;
                const int64_t index = (int64_t)r->x[1][o && o->each ? at : j];
                r->y[at] =
                    r->x[0][(outer * l.size + (index < 0 ? index + l.size : index)) * l.inner + i];
            }
}

#define INDICES(from, to, ...)                          \
    {                                                   \
        __VA_ARGS__, TN_I32, from, to, .no_batch = true \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const tn_gather_opts second = {.axis = 1}, last = {.axis = -1},
                                each = {.axis = 1, .each = true}, rows = {.each = true};
    const lab_case cases[] = {
        {.why = "small: rows, some twice",
         .x = {{{2, {3, 2}}, .no_batch = true}, INDICES(0, 2, {1, {5}})}},
        {.why = "words of a batch",
         .x = {{{2, {7, 5}}, .no_batch = true}, {{2, {4, 6}}, TN_I32, 0, 6}}},
        {.why = "counted from behind",
         .x = {{{2, {4, 3}}, .no_batch = true}, INDICES(-4, 3, {1, {9}})}},
        {.why = "one", .x = {{{3, {4, 3, 2}}, .no_batch = true}, INDICES(2, 2, {1, {1}})}},
        {.why = "columns", .x = {{{2, {3, 5}}}, INDICES(0, 4, {1, {3}})}, .opts = &last},
        {.why = "channels of images, an index of two dimensions",
         .x = {{{4, {2, 5, 3, 4}}}, INDICES(-5, 4, {2, {2, 3}})},
         .opts = &second},
        {.why = "an index for each",
         .x = {{{3, {2, 5, 3}}}, {{3, {2, 4, 3}}, TN_I32, -5, 4}},
         .opts = &each},
        {.why = "an index for each, of rows",
         .x = {{{2, {4, 5}}, .no_batch = true}, INDICES(0, 3, {2, {6, 5}})},
         .opts = &rows},
        {.why = "many of few", .x = {{{2, {2, 3}}, .no_batch = true}, INDICES(0, 1, {1, {300}})}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_ARGUMENT, "gather1: indices are f32, not i32", TN_SHAPE(4, 3),
                tn_gather(g, x, x, NULL));
    LAB_REFUSES(
        TN_ERR_ARGUMENT, "axis 2", TN_SHAPE(4, 3),
        tn_gather(g, x, tn_input(g, "i", TN_I32, TN_SHAPE(2)), &(tn_gather_opts){.axis = 2}));
    LAB_REFUSES(
        TN_ERR_SHAPE, "indices are 2 x 2, which is not x 4 x 3 but for axis 0", TN_SHAPE(4, 3),
        tn_gather(g, x, tn_input(g, "i", TN_I32, TN_SHAPE(2, 2)), &(tn_gather_opts){.each = true}));
    LAB_REFUSES(TN_ERR_SHAPE, "make more than 8 dimensions", TN_SHAPE(1, 1, 1, 1, 1),
                tn_gather(g, x, tn_input(g, "i", TN_I32, TN_SHAPE(1, 1, 1, 1, 1)), NULL));
}

/* Which dimension of y is the batch. */
static int batch_of(int axis, bool x_batch, bool index_batch)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_shape x = TN_SHAPE(4, 3, 2), i = TN_SHAPE(4, 5);
    const tn_value a = tn_input_batched(g, "x", TN_F32, x, x_batch ? 0 : TN_NO_BATCH);
    const tn_value b = tn_input_batched(g, "i", TN_I32, i, index_batch ? 0 : TN_NO_BATCH);
    const tn_value y = tn_gather(g, a, b, &(tn_gather_opts){.axis = axis});
    assert_ok(tn_graph_status(g));
    const int batch = g->node[g->value[y.id - 1].node]->y_batch[0];
    tn_graph_destroy(g);
    return batch;
}

static void knows_shape_and_batch(void **unused)
{
    (void)unused;
    tn_shape y;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3, 2));
    const tn_value one = tn_input(g, "i", TN_I32, (tn_shape){0});
    assert_ok(tn_value_shape(g, tn_gather(g, x, one, &(tn_gather_opts){.axis = 1}), &y));
    assert_true(y.ndim == 2 && y.dim[0] == 4 && y.dim[1] == 2);
    tn_graph_destroy(g);
    assert_int_equal(batch_of(1, false, true), 1);
    assert_int_equal(batch_of(2, true, false), 0);
    assert_int_equal(batch_of(0, false, false), TN_BATCH_NONE);
    assert_int_equal(batch_of(0, true, false), TN_BATCH_MIXED);
    assert_int_equal(batch_of(1, true, true), TN_BATCH_MIXED);
}

static void tells_of_an_index_that_there_is_not(void **unused)
{
    (void)unused;
    float x[12] = {0};
    int32_t bad[3] = {3, -4, 4}, good[3] = {3, -4, 0};
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3));
        const tn_value index = tn_input(g, "i", TN_I32, TN_SHAPE(3));
        const tn_value y = tn_gather(g, in, index, &(tn_gather_opts){.name = "words"});
        float out[9];
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(4, 3), x}));
        assert_ok(tn_plan_set(p, index, (tn_tensor){TN_I32, TN_SHAPE(3), bad}));
        tn_status status = tn_plan_evaluate(p);
        if (status == TN_OK)
            status = tn_plan_get(p, y, (tn_tensor){TN_F32, TN_SHAPE(3, 3), out});
        assert_fails(status, TN_ERR_ARGUMENT, "gather words: index 4 in row 2 is not in [-4, 4)");
        assert_ok(tn_plan_set(p, index, (tn_tensor){TN_I32, TN_SHAPE(3), good}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, TN_SHAPE(3, 3), out}));
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(refuses),
        cmocka_unit_test(knows_shape_and_batch),
        cmocka_unit_test(tells_of_an_index_that_there_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
