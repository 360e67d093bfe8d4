/* NULL for each pointer that calls about orders to a run need. See test_null.c. */
#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void orders(void **state)
{
    (void)state;
    tn_run_answer answer;
    REFUSES(tn_run_ask(NULL, "{}", 1, &answer), "folder");
    REFUSES(tn_run_ask("x", NULL, 1, &answer), "order");
    REFUSES(tn_run_ask("x", "{}", 1, NULL), "out");
    REFUSES(tn_run_repeat_orders(NULL, "x"), "from");
    REFUSES(tn_run_repeat_orders("x", NULL), "to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
