/* NULL for each pointer that calls about a plan's optimizer need. */
#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void settings(void **state)
{
    (void)state;
    tn_device *device = NULL;
    tn_graph *g = NULL;
    tn_plan *plan = NULL;
    tn_optim_settings now = {0};
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 1));
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){.keep = &x, .num_keep = 1}));
    REFUSES(tn_plan_optim(NULL, &now), "plan");
    REFUSES(tn_plan_optim(plan, NULL), "out");
    REFUSES(tn_plan_set_optim(NULL, &now), "plan");
    REFUSES(tn_plan_set_optim(plan, NULL), "settings");
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    tn_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(settings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
