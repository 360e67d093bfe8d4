/* huber: against its formula in double, and PyTorch. */
#include <math.h>

#include "golden/pair.h"
#include "lab_pair.h"

static tn_value layer(tn_graph *g, tn_value x, tn_value target, const void *opts)
{
    return tn_huber(g, x, target, opts);
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return layer(g, x[0], x[1], opts);
}

static double value(double x, double target, const void *opts)
{
    const double delta = opts ? (double)((const tn_huber_opts *)opts)->delta : 1;
    const double off = fabs(x - target);
    return off <= delta ? off * off / 2 : delta * (off - delta / 2);
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
        {.why = "small", .x = {{{1, {3}}}, {{1, {3}}}}},
        {.why = "both sides of delta", .x = {{{2, {5, 9}}, .low = -2, .high = 2}, {{2, {5, 9}}}}},
        {.why = "another delta",
         .x = {{{4, {2, 3, 5, 3}}, .low = -2, .high = 2}, {{4, {2, 3, 5, 3}}}},
         .opts = &(const tn_huber_opts){.delta = 0.25F}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    lab_check_pair(layer, &(tn_huber_opts){.delta = 0.75F}, TN_SHAPE(3, 5),
                   &(lab_pair_want){golden_pair_x, golden_pair_target, &golden_huber.loss,
                                    golden_huber.dx, golden_huber.dtarget});
}

static void refuses(void **unused)
{
    (void)unused;
    lab_check_pair_shapes(layer, NULL, "huber huber1: ");
    static const float bad[] = {-1, TN_ZERO, INFINITY, NAN};
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2));
        tn_huber(g, x, x, &(tn_huber_opts){.delta = bad[i]});
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
