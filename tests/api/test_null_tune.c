/* NULL in the functions of tune.h; see test_null.c. */
#include <tenon/tune.h>

#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void tuning(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_tuned *tuned = NULL;
    const char *name;
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_graph_create(&g));
    tn_output(g, tn_abs(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), NULL));
    const tn_plan_opts opts = {.seed = 1};
    assert_ok(tn_plan_create(&plan, g, device, &opts));
    REFUSES(tn_plan_kernel(NULL, 0, 0, &name), "plan");
    REFUSES(tn_plan_kernel(plan, 0, 0, NULL), "name");
    REFUSES(tn_tune(NULL, g, device, &opts, NULL), "out");
    REFUSES(tn_tune(&tuned, NULL, device, &opts, NULL), "g");
    REFUSES(tn_tune(&tuned, g, NULL, &opts, NULL), "device");
    REFUSES(tn_tune(&tuned, g, device, NULL, NULL), "opts");
    assert_ok(tn_tune(&tuned, g, device, &opts, NULL));
    assert_int_equal(tuned->num_kernels, 0); /* one kernel alone can do it */
    tn_tuned_destroy(tuned);
    tn_tuned_destroy(NULL);
    double rate;
    REFUSES(tn_measure_rates(NULL, TN_PRECISION_F32, 1, &rate, NULL), "device");
    assert_ok(tn_measure_rates(device, TN_PRECISION_F32, 1, NULL, NULL));
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    tn_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tuning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
