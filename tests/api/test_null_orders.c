/* NULL for each pointer that calls about orders to a run, and the queue, need. See test_null.c. */
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

static void queue(void **state)
{
    (void)state;
    tn_queue *place = NULL;
    REFUSES(tn_queue_wait(NULL, &(tn_queue_opts){.name = "x"}), "out");
    REFUSES(tn_queue_wait(&place, NULL), "opts");
    REFUSES(tn_queue_wait(&place, &(tn_queue_opts){0}), "opts.name");
    REFUSES(tn_queue_wait(&place, &(tn_queue_opts){.name = "x"}), "opts.device");
    assert_null(tn_queue_device(NULL));
    assert_int_equal(tn_queue_lock(NULL), 0);
    tn_queue_leave(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders), cmocka_unit_test(queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
