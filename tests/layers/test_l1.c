/* l1: against its formula in double, and PyTorch. */
#include <math.h>

#include "golden/pair.h"
#include "lab_pair.h"

static tn_value layer(tn_graph *g, tn_value x, tn_value target, const void *opts)
{
    return tn_l1(g, x, target, opts);
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return layer(g, x[0], x[1], opts);
}

static double value(double x, double target, const void *opts)
{
    (void)opts;
    return fabs(x - target);
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
        {.why = "x below", .x = {{{2, {2, 5}}}, {{2, {2, 5}}, .low = 2, .high = 3}}},
        {.why = "x above", .x = {{{4, {2, 3, 5, 7}}}, {{4, {2, 3, 5, 7}}, .low = -3, .high = -2}}},
        {.why = "several blocks and a part of one",
         .x = {{{2, {1, 4099}}}, {{2, {1, 4099}}, .low = 2, .high = 3}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    lab_check_pair(layer, NULL, TN_SHAPE(3, 5),
                   &(lab_pair_want){golden_pair_x, golden_pair_target, &golden_l1.loss,
                                    golden_l1.dx, golden_l1.dtarget});
}

static void refuses(void **unused)
{
    (void)unused;
    lab_check_pair_shapes(layer, NULL, "l1 l11: ");
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
