/* reduce: every kind over every kind of axes; who gets the gradient of equals; rows without a sample. */
#include <math.h>
#include <string.h>

#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_reduce(g, x[0], opts);
}

static bool is_over(const tn_reduce_opts *o, int axis, int ndim)
{
    bool over = !o || o->axes.ndim == 0;
    for (int i = 0; o && i < o->axes.ndim; i++)
        over = over || (o->axes.dim[i] + ndim) % ndim == axis;
    return over;
}

static void reference(const lab_ref *r)
{
    const tn_reduce_opts *o = r->opts;
    const tn_shape *x = &r->x_shape[0];
    const tn_reduce_kind kind = o ? o->kind : TN_REDUCE_MEAN;
    int64_t count, outputs;
    assert_ok(tn_shape_count(x, &count));
    assert_ok(tn_shape_count(&r->y_shape, &outputs));
    for (int64_t i = 0; i < outputs; i++)
        r->y[i] = kind == TN_REDUCE_MAX ? -INFINITY : kind == TN_REDUCE_MIN ? INFINITY : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t at[TN_MAX_DIMS], to[TN_MAX_DIMS];
        int ndim = 0;
        lab_index(x, i, at);
        for (int k = 0; k < x->ndim; k++)
            if (!is_over(o, k, x->ndim) || (o && o->keep))
                to[ndim++] = is_over(o, k, x->ndim) ? 0 : at[k];
        double *y = &r->y[lab_number(&r->y_shape, to)];
        if (kind == TN_REDUCE_MAX)
            *y = fmax(*y, r->x[0][i]);
        else if (kind == TN_REDUCE_MIN)
            *y = fmin(*y, r->x[0][i]);
        else
            *y += r->x[0][i] / (kind == TN_REDUCE_MEAN ? (double)(count / outputs) : 1);
    }
}

enum { KINDS = TN_REDUCE_MIN + 1 };
static const tn_shape axes[] = {{0},         {1, {0}},    {1, {-1}},     {1, {1}},
                                {2, {0, 2}}, {2, {3, 1}}, {3, {0, 2, 3}}};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    tn_reduce_opts opts[KINDS][TN_COUNT(axes)];
    lab_case all[KINDS * TN_COUNT(axes)];
    for (size_t i = 0; i < TN_COUNT(all); i++) {
        const size_t kind = i % KINDS, which = i / KINDS;
        opts[kind][which] =
            (tn_reduce_opts){.kind = (tn_reduce_kind)kind, .axes = axes[which], .keep = which % 2};
        all[i] = (lab_case){.why = "four dimensions",
                            .x = {{{4, {2, 3, 4, 5}}, .apart = true}},
                            .opts = &opts[kind][which]};
    }
    lab_check_op(&op, all, TN_COUNT(all));
#define OVER(...)                     \
    .opts = &(tn_reduce_opts)         \
    {                                 \
        .axes = TN_SHAPE(__VA_ARGS__) \
    }
    const lab_case cases[] = {
        {.why = "small, all defaults", .x = {{{2, {2, 3}}}}},
        {.why = "one number", .x = {{{1, {1}}}}},
        {.why = "long rows", .x = {{{2, {3, 2500}}}}, OVER(1)},
        {.why = "many columns, not whole tiles", .x = {{{2, {50, 131}}}}, OVER(0)},
        {.why = "images to channels", .x = {{{4, {3, 17, 6, 7}}}}, OVER(2, 3)},
        {.why = "tokens", .x = {{{3, {2, 17, 24}}}}, OVER(1)},
        {.why = "nothing is met twice", .x = {{{3, {2, 1, 5}}}}, OVER(1)},
        {.why = "eight dimensions", .x = {{{8, {2, 1, 3, 2, 2, 1, 2, 3}}}}, OVER(0, 3, 6)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- ties, and what is no number ------------------------------------------------------------ */

enum { ROWS = 3, COLUMNS = 5 };

/* y over the columns, and dx of the mean square of y less 0, 1, 2: (y - n) 2 / 3. */
static void run(const char *device, tn_reduce_kind kind, const float *x, float *y, float *dx)
{
    const tn_shape x_shape = TN_SHAPE(ROWS, COLUMNS), y_shape = TN_SHAPE(ROWS);
    float target[ROWS] = {0, 1, 2}, in[ROWS * COLUMNS];
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    memcpy(in, x, sizeof in);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, x_shape), t = tn_input(g, "t", TN_F32, y_shape);
    const tn_value b = tn_reduce(g, a, &(tn_reduce_opts){.kind = kind, .axes = TN_SHAPE(1)});
    const tn_plan_opts opts = {
        .loss = tn_mse(g, b, t, NULL), .keep = &b, .num_keep = 1, .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, x_shape, in}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, y_shape, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, b, (tn_tensor){TN_F32, y_shape, y}));
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, x_shape, dx}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void equals_share_the_gradient(void **unused)
{
    (void)unused;
    static const float x[ROWS * COLUMNS] = {3, 1, 3, 3, -9, 4, 4, 4, 4, 4, -1, 0, -1, 5, -1};
    /* dy is 2, 2, 2 of the largest, -6, 2, -2 of the smallest. */
    static const double high[ROWS * COLUMNS] = {2 / 3.0, 0,   2 / 3.0, 2 / 3.0, 0, 0.4, 0.4, 0.4,
                                                0.4,     0.4, 0,       0,       0, 2,   0};
    static const double low[ROWS * COLUMNS] = {0,   0,   0,        0, -6,       0.4, 0.4,     0.4,
                                               0.4, 0.4, -2 / 3.0, 0, -2 / 3.0, 0,   -2 / 3.0};
    float y[ROWS], dx[ROWS * COLUMNS];
    for (const char *const *device = lab_devices(); *device; device++) {
        run(*device, TN_REDUCE_MAX, x, y, dx);
        assert_true(y[0] == 3 && y[1] == 4 && y[2] == 5);
        lab_assert_close("dx", dx, high, TN_COUNT(high), 0);
        run(*device, TN_REDUCE_MIN, x, y, dx);
        assert_true(y[0] == -9 && y[1] == 4 && y[2] == -1);
        lab_assert_close("dx", dx, low, TN_COUNT(low), 0);
    }
}

/* In its own row alone, wherever it stands there. */
static void passes_nan_on(void **unused)
{
    (void)unused;
    static const float x[ROWS * COLUMNS] = {NAN, 1, 2, 3, 4, 5, 6, NAN, 7, 8, 0, -1, -2, 1, 0};
    float y[ROWS], dx[ROWS * COLUMNS];
    for (int kind = TN_REDUCE_MEAN; kind <= TN_REDUCE_MIN; kind++)
        for (const char *const *device = lab_devices(); *device; device++) {
            run(*device, (tn_reduce_kind)kind, x, y, dx);
            assert_true(isnan(y[0]) && isnan(y[1]) && !isnan(y[2]));
            assert_true(isnan(dx[0]) && isnan(dx[7]) && !isnan(dx[10]));
        }
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_ARGUMENT, "reduce1: 9 is no kind", TN_SHAPE(2, 3),
                tn_reduce(g, x, &(tn_reduce_opts){.kind = 9}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "x is 2 x 3, which has no axis 2", TN_SHAPE(2, 3),
                tn_reduce(g, x, &(tn_reduce_opts){.axes = TN_SHAPE(0, 2)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "reduce1: axis 1 is there twice", TN_SHAPE(2, 3),
                tn_reduce(g, x, &(tn_reduce_opts){.axes = TN_SHAPE(1, -1)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "axes is a list of 3 numbers, not of 0 to 2", TN_SHAPE(2, 3),
                tn_reduce(g, x, &(tn_reduce_opts){.axes = TN_SHAPE(0, 1, 0)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(equals_share_the_gradient),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
