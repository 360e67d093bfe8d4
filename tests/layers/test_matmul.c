/* matmul: both sides turned or not, batches that broadcast in every way, and gradients that are sums over those. */
#include <string.h>

#include "golden/shape.h"
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return tn_matmul(g, x[0], x[num_x - 1], opts);
}

/* Of side 0 or 1: the number of the element in that row and column of op(x), for y's batch. */
static int64_t place(const lab_ref *r, int side, const int64_t *y, int64_t row, int64_t col)
{
    const tn_matmul_opts *o = r->opts;
    const tn_shape *x = &r->x_shape[side < r->num_x ? side : 0];
    const bool turned = o && (side == 0 ? o->transpose_a : o->transpose_b);
    const int ahead = r->y_shape.ndim - x->ndim;
    int64_t at[TN_MAX_DIMS];
    for (int i = 0; i < x->ndim - 2; i++)
        at[i] = x->dim[i] == 1 ? 0 : y[ahead + i];
    at[x->ndim - 2] = turned ? col : row;
    at[x->ndim - 1] = turned ? row : col;
    return lab_number(x, at);
}

/* Calls for each product of y[i]. */
static void each(const lab_ref *r, void (*call)(const lab_ref *r, int64_t i, int64_t a, int64_t b))
{
    const tn_matmul_opts *o = r->opts;
    const tn_shape *a = &r->x_shape[0];
    const int64_t depth = a->dim[a->ndim - (o && o->transpose_a ? 2 : 1)];
    const int last = r->y_shape.ndim - 1;
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++) {
        int64_t y[TN_MAX_DIMS];
        lab_index(&r->y_shape, i, y);
        for (int64_t k = 0; k < depth; k++)
            call(r, i, place(r, 0, y, y[last - 1], k), place(r, 1, y, k, y[last]));
    }
}

static void add(const lab_ref *r, int64_t i, int64_t a, int64_t b)
{
    r->y[i] += r->x[0][a] * r->x[r->num_x - 1][b];
}

static void reference(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] = 0;
    each(r, add);
}

static void add_back(const lab_ref *r, int64_t i, int64_t a, int64_t b)
{
    if (r->dx[0])
        r->dx[0][a] += r->dy[i] * r->x[1][b];
    if (r->dx[1])
        r->dx[1][b] += r->dy[i] * r->x[0][a];
}

static void backward(const lab_ref *r)
{
    each(r, add_back);
}

static const tn_matmul_opts a_turned = {.transpose_a = true}, b_turned = {.transpose_b = true},
                            both = {.transpose_a = true, .transpose_b = true};

#define FREE(...)                               \
    {                                           \
        TN_SHAPE(__VA_ARGS__), .no_batch = true \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .backward = backward};
    const lab_case cases[] = {
        {.why = "small", .x = {FREE(2, 3), FREE(3, 4)}},
        {.why = "a turned", .x = {FREE(3, 2), FREE(3, 4)}, .opts = &a_turned},
        {.why = "b turned", .x = {FREE(2, 3), FREE(4, 3)}, .opts = &b_turned},
        {.why = "both turned", .x = {FREE(3, 2), FREE(4, 3)}, .opts = &both},
        {.why = "one row by one column", .x = {FREE(1, 5), FREE(5, 1)}},
        {.why = "one column by one row", .x = {FREE(5, 1), FREE(1, 4)}},
        {.why = "a batch", .x = {FREE(3, 4, 5), FREE(3, 5, 2)}},
        {.why = "scores of attention",
         .x = {FREE(2, 3, 7, 8), FREE(2, 3, 7, 8)},
         .opts = &b_turned},
        {.why = "a batch, a turned", .x = {FREE(3, 5, 4), FREE(3, 5, 2)}, .opts = &a_turned},
        {.why = "a batch, both turned", .x = {FREE(3, 5, 4), FREE(3, 2, 5)}, .opts = &both},
        {.why = "weights for all tokens", .x = {FREE(3, 4, 5), FREE(5, 6)}},
        {.why = "weights, turned", .x = {FREE(3, 4, 5), FREE(6, 5)}, .opts = &b_turned},
        {.why = "weights for a turned", .x = {FREE(3, 5, 4), FREE(5, 6)}, .opts = &a_turned},
        {.why = "weights on the left", .x = {FREE(6, 5), FREE(3, 5, 4)}},
        {.why = "weights on the left, turned", .x = {FREE(5, 6), FREE(3, 4, 5)}, .opts = &both},
        {.why = "1 is broadcast", .x = {FREE(3, 1, 4, 5), FREE(1, 2, 5, 3)}},
        {.why = "in the middle", .x = {FREE(2, 3, 2, 4, 5), FREE(2, 1, 2, 5, 3)}},
        {.why = "both, at other ends", .x = {FREE(2, 1, 3, 2), FREE(3, 2, 4)}},
        {.why = "both, turned", .x = {FREE(2, 1, 2, 3), FREE(3, 4, 2)}, .opts = &both},
        {.why = "the batch", .x = {{{3, {4, 3, 8}}}, {{3, {4, 8, 5}}}}},
        {.why = "ViT-Tiny's scores",
         .x = {{{4, {2, 3, 65, 64}}}, {{4, {2, 3, 65, 64}}}},
         .opts = &b_turned,
         .big = true},
        {.why = "ViT-Tiny's query, key, value",
         .x = {{{3, {2, 65, 192}}}, FREE(192, 576)},
         .big = true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* x x^T: both sides are the same value. */
static void takes_one_value_twice(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    const lab_case cases[] = {{.why = "x by itself", .x = {FREE(2, 3, 4)}, .opts = &b_turned}};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* tests/golden/make_shape.py: 2 x 1 x 3 x 4 times 3 x 5 x 4 turned, and the gradients of the mean of its squares. */
static void compare(const char *device)
{
    enum {
        A = TN_COUNT(golden_matmul_a),
        B = TN_COUNT(golden_matmul_b),
        Y = TN_COUNT(golden_matmul_y)
    };
    static const tn_shape a_shape = {4, {2, 1, 3, 4}}, b_shape = {3, {3, 5, 4}},
                          y_shape = {4, {2, 3, 3, 5}};
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float in_a[A], in_b[B], y[Y], da[A], db[B], zero[Y] = {0};
    memcpy(in_a, golden_matmul_a, sizeof in_a);
    memcpy(in_b, golden_matmul_b, sizeof in_b);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, a_shape), b = tn_input(g, "b", TN_F32, b_shape);
    const tn_value t = tn_input(g, "t", TN_F32, y_shape);
    const tn_value v = tn_matmul(g, a, b, &(tn_matmul_opts){.transpose_b = true});
    const tn_plan_opts how = {.loss = tn_mse(g, v, t, NULL),
                              .keep = &v,
                              .num_keep = 1,
                              .precision = TN_PRECISION_F32,
                              .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &how));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, a_shape, in_a}));
    assert_ok(tn_plan_set(p, b, (tn_tensor){TN_F32, b_shape, in_b}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, y_shape, zero}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, v, (tn_tensor){TN_F32, y_shape, y}));
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, a_shape, da}));
    assert_ok(tn_plan_get_gradient(p, b, (tn_tensor){TN_F32, b_shape, db}));
    lab_assert_close("y", y, golden_matmul_y, Y, 1);
    lab_assert_close("da", da, golden_matmul_da, A, 0);
    lab_assert_close("db", db, golden_matmul_db, B, 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        compare(*device);
}

static void refuse(const char *says, tn_shape a, tn_shape b, const tn_matmul_opts *opts)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_matmul(g, tn_input(g, "a", TN_F32, a), tn_input(g, "b", TN_F32, b), opts);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, says);
    tn_graph_destroy(g);
}

static void refuses(void **unused)
{
    (void)unused;
    refuse("matmul1: 2 x 3 times 4 x 5", TN_SHAPE(2, 3), TN_SHAPE(4, 5), NULL);
    refuse("matmul1: 3 x 2 turned times 4 x 5", TN_SHAPE(3, 2), TN_SHAPE(4, 5), &a_turned);
    refuse("matmul1: 2 x 2 x 3 times 3 x 3 x 5", TN_SHAPE(2, 2, 3), TN_SHAPE(3, 3, 5), NULL);
    refuse("matmul1: input 1 is 3, not a matrix", TN_SHAPE(2, 3), TN_SHAPE(3), NULL);
    refuse("more elements than can be counted", TN_SHAPE(INT64_C(1) << 40, 1),
           TN_SHAPE(1, INT64_C(1) << 40), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(takes_one_value_twice),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
