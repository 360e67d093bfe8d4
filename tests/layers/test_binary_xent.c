/* binary_xent: against its formula in double, and PyTorch. */
#include <math.h>

#include "golden/pair.h"
#include "lab_pair.h"

static tn_value layer(tn_graph *g, tn_value x, tn_value target, const void *opts)
{
    return tn_binary_xent(g, x, target, opts);
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return layer(g, x[0], x[1], opts);
}

/* -log(1 / (1 + exp(-x))) */
static double surprise(double x)
{
    return fmax(-x, 0) + log1p(exp(-fabs(x)));
}

static double value(double x, double t, const void *opts)
{
    const double w = opts ? (double)((const tn_binary_xent_opts *)opts)->positive_weight : 1;
    return w * t * surprise(x) + (1 - t) * surprise(-x);
}

static void reference(const lab_ref *r)
{
    lab_pair_mean(r, value);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .loss = true};
    const lab_case cases[] = {
        {.why = "small", .x = {{{1, {3}}}, {{1, {3}}, .high = 1}}},
        {.why = "whole vectors",
         .x = {{{2, {4, 16}}, .low = -5, .high = 5}, {{2, {4, 16}}, .high = 1}}},
        {.why = "a positive is worth more",
         .x = {{{4, {2, 3, 5, 3}}, .low = -5, .high = 5}, {{4, {2, 3, 5, 3}}, .high = 1}},
         .opts = &(const tn_binary_xent_opts){.positive_weight = 2.5F}},
        {.why = "exp(x) would overflow",
         .x = {{{2, {3, 5}}, .low = 200, .high = 210}, {{2, {3, 5}}, .high = 1}}},
        {.why = "exp(-x) would overflow",
         .x = {{{2, {3, 5}}, .low = -210, .high = -200}, {{2, {3, 5}}, .high = 1}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    lab_check_pair(layer, NULL, TN_SHAPE(3, 5),
                   &(lab_pair_want){golden_pair_x, golden_pair_target, &golden_binary_xent.loss,
                                    golden_binary_xent.dx, golden_binary_xent.dtarget});
    lab_check_pair(
        layer, &(tn_binary_xent_opts){.positive_weight = 2.5F}, TN_SHAPE(3, 5),
        &(lab_pair_want){golden_pair_x, golden_pair_target, &golden_binary_xent_weighted.loss,
                         golden_binary_xent_weighted.dx, golden_binary_xent_weighted.dtarget});
}

static void refuses(void **unused)
{
    (void)unused;
    lab_check_pair_shapes(layer, NULL, "binary_xent binary_xent1: ");
    static const float bad[] = {-1, TN_ZERO, INFINITY, NAN};
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2));
        tn_binary_xent(g, x, x, &(tn_binary_xent_opts){.positive_weight = bad[i]});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "is not above 0");
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
