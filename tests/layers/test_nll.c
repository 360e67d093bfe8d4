/* nll: of rows and of pixels, with weights of classes and a label that is left out; both outputs. */
#include "graph/op.h"
#include "lab_index.h"

static tn_nll_loss add(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return tn_nll(g, x[0], x[1], num_x > 2 ? x[2] : (tn_value){0}, opts);
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return add(g, x, num_x, opts).losses;
}

static tn_value build_weights(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return add(g, x, num_x, opts).weights;
}

/* PyTorch's mean: both outputs are read. */
static tn_value build_mean(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const tn_nll_loss l = add(g, x, num_x, opts);
    const tn_reduce_opts sum = {.kind = TN_REDUCE_SUM};
    return tn_div(g, tn_reduce(g, l.losses, &sum), tn_reduce(g, l.weights, &sum), NULL);
}

static double weight_of(const lab_ref *r, int64_t i)
{
    const tn_nll_opts *o = r->opts;
    const int ignore = !o || o->ignore == 0 ? -1 : o->ignore == TN_ZERO ? 0 : o->ignore;
    const int label = (int)r->x[1][i];
    return label == ignore ? 0 : r->num_x > 2 ? r->x[2][label] : 1;
}

static double loss_of(const lab_ref *r, int64_t i)
{
    const tn_lines l = tn_lines_along(&r->x_shape[0], 1);
    const double w = weight_of(r, i);
    if (w == 0)
        return 0;
    return -w * r->x[0][(i / l.inner * l.size + (int64_t)r->x[1][i]) * l.inner + i % l.inner];
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->x_shape[1]); i++)
        r->y[i] = loss_of(r, i);
}

static void reference_weights(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->x_shape[1]); i++)
        r->y[i] = weight_of(r, i);
}

static void reference_mean(const lab_ref *r)
{
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < tn_elements(&r->x_shape[1]); i++) {
        sum += loss_of(r, i);
        weights += weight_of(r, i);
    }
    r->y[0] = sum / weights;
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op losses = {.build = build, .reference = reference},
                        weights = {.build = build_weights, .reference = reference_weights},
                        mean = {.build = build_mean, .reference = reference_mean, .loss = true};
    static const tn_nll_opts two = {.ignore = 2}, zero = {.ignore = TN_ZERO},
                             far = {.ignore = -100};
    const lab_case cases[] = {
        {.why = "small", .x = {{{2, {3, 4}}}, {{1, {3}}, TN_I32, 0, 3}}},
        {.why = "some left out", .x = {{{2, {9, 4}}}, {{1, {9}}, TN_I32, -1, 3}}},
        {.why = "of pixels",
         .x = {{{4, {2, 5, 3, 4}}}, {{3, {2, 3, 4}}, TN_I32, 0, 4}},
         .opts = &two},
        {.why = "the first class left out",
         .x = {{{3, {2, 5, 7}}}, {{2, {2, 7}}, TN_I32, 0, 4}},
         .opts = &zero},
        {.why = "nothing left out", .x = {{{2, {4, 6}}}, {{1, {4}}, TN_I32, 0, 5}}, .opts = &far},
    };
    lab_check_op(&losses, cases, TN_COUNT(cases));
    lab_check_op(&mean, cases, TN_COUNT(cases));
    lab_check_op(&weights, cases, 2);
}

/* Weights have no gradient, so the lab cannot ask for it: they are a constant. */
static const float class_weights[] = {0.5F, 2, 1, 0.25F, 4};

static tn_value build_weighted(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    const tn_value w =
        tn_constant(g, NULL, (tn_tensor){TN_F32, TN_SHAPE(5), (void *)(uintptr_t)class_weights});
    return tn_nll(g, x[0], x[1], w, opts).losses;
}

static void reference_weighted(const lab_ref *r)
{
    reference(r);
    for (int64_t i = 0; i < tn_elements(&r->x_shape[1]); i++)
        if (weight_of(r, i) > 0)
            r->y[i] *= (double)class_weights[(int)r->x[1][i]];
}

static void classes_have_weights(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_weighted, .reference = reference_weighted};
    static const tn_nll_opts two = {.ignore = 2};
    const lab_case cases[] = {
        {.why = "of rows", .x = {{{2, {4, 5}}}, {{1, {4}}, TN_I32, -1, 4}}},
        {.why = "of pixels", .x = {{{3, {2, 5, 7}}}, {{2, {2, 7}}, TN_I32, 0, 4}}, .opts = &two},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void tells_of_a_label_that_there_is_not(void **unused)
{
    (void)unused;
    float x[8] = {0}, loss[2];
    int32_t labels[2] = {3, 4};
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(2, 4));
        const tn_value l = tn_input(g, "l", TN_I32, TN_SHAPE(2));
        const tn_value y =
            tn_nll(g, in, l, (tn_value){0}, &(tn_nll_opts){.name = "n", .ignore = 9}).losses;
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(2, 4), x}));
        assert_ok(tn_plan_set(p, l, (tn_tensor){TN_I32, TN_SHAPE(2), labels}));
        tn_status status = tn_plan_evaluate(p);
        if (status == TN_OK)
            status = tn_plan_get(p, y, (tn_tensor){TN_F32, TN_SHAPE(2), loss});
        assert_fails(status, TN_ERR_ARGUMENT,
                     "nll n: label 4 in row 1 is not in [0, 4), nor is it left out");
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    const tn_value none = {0};
    LAB_REFUSES(TN_ERR_ARGUMENT, "nll1: labels are f32, not i32", TN_SHAPE(4, 3),
                tn_nll(g, x, tn_input(g, "l", TN_F32, TN_SHAPE(4)), none, NULL).losses);
    LAB_REFUSES(TN_ERR_SHAPE, "labels are 3, not 4", TN_SHAPE(4, 3),
                tn_nll(g, x, tn_input(g, "l", TN_I32, TN_SHAPE(3)), none, NULL).losses);
    LAB_REFUSES(TN_ERR_SHAPE, "x is 4, without classes", TN_SHAPE(4),
                tn_nll(g, x, tn_input(g, "l", TN_I32, TN_SHAPE(4)), none, NULL).losses);
    LAB_REFUSES(TN_ERR_SHAPE, "weights of classes are 2, not 3", TN_SHAPE(4, 3),
                tn_nll(g, x, tn_input(g, "l", TN_I32, TN_SHAPE(4)),
                       tn_input(g, "w", TN_F32, TN_SHAPE(2)), NULL)
                    .losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(classes_have_weights),
        cmocka_unit_test(tells_of_a_label_that_there_is_not),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
