/* log_softmax: against loops in double, and where softmax has nothing but 0. */
#include <math.h>

#include "lab_softmax.h"

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_softmax(tn_log_softmax, true);
}

static void knows_small_shares(void **unused)
{
    (void)unused;
    const float x[] = {0, 300, -300, -INFINITY, /**/ NAN, 1, 1, 1};
    for (const char *const *device = lab_devices(); *device; device++) {
        float y[TN_COUNT(x)];
        lab_run_softmax(*device, tn_log_softmax, x, TN_SHAPE(2, 4), y);
        if (y[0] != -300 || y[1] != 0 || y[2] != -600 || !(isinf(y[3]) && y[3] < 0))
            fail_msg("%s: %g %g %g %g", *device, (double)y[0], (double)y[1], (double)y[2],
                     (double)y[3]);
        for (int i = 4; i < 8; i++)
            assert_true(isnan(y[i]));
    }
}

static void refuses(void **unused)
{
    (void)unused;
    lab_check_softmax_refusals(tn_log_softmax, "log_softmax odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(knows_small_shares),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
