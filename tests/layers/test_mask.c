/* mask: against its formula, over shapes and layouts. What is left out may be no number: test_elementwise_golden. */
#include <tenon/layers.h>

#include "lab_binary.h"

/* A number that none of half precision is, or is near, and that is rounded up to one. */
static const float border = 0.3002F;

static double formula(double a, double b)
{
    return b < (double)border ? a : 0;
}

/* By 0 and 1, so that no difference leaves the one of the two that it is. */
static tn_value where_below(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts)
{
    float at = border;
    const tn_value below = tn_sub(g, tn_constant(g, NULL, (tn_tensor){TN_F32, {0}, &at}), b, NULL);
    return tn_mask(g, a, tn_relu(g, tn_sign(g, below, NULL), NULL), opts);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_binary(&(lab_binary){.layer = where_below, .formula = formula, .high = {1, 1}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
