/* reshape: other dimensions of the same numbers, behind and before operations with layouts of their own. */
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_reshape(g, x[0], opts);
}

/* x + x in other dimensions, and x in those: two views of one value. */
static tn_value build_around(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_add(g, tn_reshape(g, tn_add(g, x[0], x[0], NULL), opts), tn_reshape(g, x[0], opts),
                  NULL);
}

/* A convolution writes a layout of its own: the view is of canonical order all the same. */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    const tn_value y =
        tn_conv2d(g, x[0], &(tn_conv2d_opts){.filters = 16, .kernel = {1}, .no_bias = true});
    return tn_reshape(g, y, opts);
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

static void reference_behind(const lab_ref *r)
{
    const int64_t N = r->x_shape[0].dim[0], C = r->x_shape[0].dim[1];
    const int64_t P = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < 16; k++)
            for (int64_t p = 0; p < P; p++) {
                double sum = 0;
                for (int64_t c = 0; c < C; c++)
                    sum += r->w[0][k * C + c] * r->x[0][(n * C + c) * P + p];
                r->y[(n * 16 + k) * P + p] = sum;
            }
}

#define TO(...)                        \
    .opts = &(tn_reshape_opts)         \
    {                                  \
        .shape = TN_SHAPE(__VA_ARGS__) \
    }

static void moves_nothing(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_op around = {.build = build_around, .reference = reference_around};
    static const lab_op behind = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    const lab_case cases[] = {
        {.why = "small", .x = {{{2, {2, 3}}}}, TO(3, 2)},
        {.why = "one is inferred", .x = {{{3, {2, 3, 4}}}}, TO(4, -1)},
        {.why = "some are kept", .x = {{{3, {2, 3, 8}}}}, TO(0, 0, 2, 4)},
        {.why = "heads of attention", .x = {{{3, {2, 5, 12}}}}, TO(0, -1, 3, 4)},
        {.why = "new ones of 1", .x = {{{2, {3, 4}}, .no_batch = true}}, TO(1, 3, 1, 4)},
        {.why = "flat", .x = {{{4, {2, 3, 2, 2}}}}, TO(-1)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
    lab_check_op(&around, cases, TN_COUNT(cases));
    const lab_case images[] = {
        {.why = "behind a convolution", .x = {{{4, {2, 16, 3, 3}}}}, TO(0, 4, -1)}};
    lab_check_op(&behind, images, TN_COUNT(images));
}

/* Elements of any type: class numbers, 2 x 2 of them one after the other. */
static void integers(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_dtype dtype;
    static const float x[12] = {0, 1, 0, 5, 2, 3, 0, 0, 9, 1, 2, 0};
    int32_t y[4];
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(2, 2, 3));
    const tn_value most = tn_argmax(g, in, &(tn_argmax_opts){.axis = -1});
    const tn_value flat = tn_reshape(g, most, &(tn_reshape_opts){.shape = TN_SHAPE(-1)});
    assert_ok(tn_value_dtype(g, flat, &dtype));
    assert_int_equal(dtype, TN_I32);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){.keep = &flat, .num_keep = 1}));
    assert_ok(tn_plan_set(plan, in, (tn_tensor){TN_F32, TN_SHAPE(2, 2, 3), (void *)(uintptr_t)x}));
    assert_ok(tn_plan_evaluate(plan));
    assert_ok(tn_plan_get(plan, flat, (tn_tensor){TN_I32, TN_SHAPE(4), y}));
    static const int32_t want[] = {1, 0, 2, 1};
    assert_memory_equal(y, want, sizeof want);
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_graph_destroy(g);
}

static void refuse(const char *says, tn_status status, tn_reshape_opts opts)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_reshape(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, 4)), &opts);
    assert_fails(tn_graph_status(g), status, says);
    tn_graph_destroy(g);
}

static void refuses(void **unused)
{
    (void)unused;
    refuse("shape is a list of 0 numbers, not of 1 to 8", TN_ERR_ARGUMENT, (tn_reshape_opts){0});
    refuse("reshape1: the 24 elements of 2 x 3 x 4 do not make 5 x 5", TN_ERR_SHAPE,
           (tn_reshape_opts){.shape = TN_SHAPE(5, 5)});
    refuse("do not make 5 x 1 times any number", TN_ERR_SHAPE,
           (tn_reshape_opts){.shape = TN_SHAPE(5, -1)});
    refuse("dimension 1 is -1: one may be -1", TN_ERR_ARGUMENT,
           (tn_reshape_opts){.shape = TN_SHAPE(-1, -1)});
    refuse("dimension 0 is -2", TN_ERR_ARGUMENT, (tn_reshape_opts){.shape = TN_SHAPE(-2, 3)});
    refuse("x is 2 x 3 x 4, and has no dimension 3 to keep", TN_ERR_SHAPE,
           (tn_reshape_opts){.shape = TN_SHAPE(2, 3, 4, 0)});
    refuse("more elements than can be counted", TN_ERR_SHAPE,
           (tn_reshape_opts){.shape = TN_SHAPE(INT64_MAX, 4)});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_nothing),
        cmocka_unit_test(integers),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
