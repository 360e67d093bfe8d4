/* mul: against its formula in double, over shapes and layouts. */
#include "lab_binary.h"

static double formula(double a, double b)
{
    return a * b;
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_binary(&(lab_binary){.layer = tn_mul, .formula = formula, .in_blocks = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
