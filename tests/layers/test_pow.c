/* pow: against its formula in double, over shapes. */
#include <math.h>

#include "lab_binary.h"

static double formula(double a, double b)
{
    return pow(a, b);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_binary(
        &(lab_binary){.layer = tn_pow, .formula = formula, .low = {0.25, -2}, .high = {2, 2}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
