/*
 * NULL in what looks after a training that may go wrong, as test_null.c has it.
 */
#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void plans(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_nonfinite nonfinite;
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_graph_create(&g));
    tn_output(g, tn_relu(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), NULL));
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){0}));
    REFUSES(tn_plan_find_nonfinite(NULL, &nonfinite), "plan");
    REFUSES(tn_plan_find_nonfinite(plan, NULL), "out");
    REFUSES(tn_plan_use_average(NULL, true), "plan");
    assert_false(tn_plan_guards(NULL));
    assert_false(tn_plan_guards(plan));
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    tn_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
