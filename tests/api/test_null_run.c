/* Every public function of runs with NULL in the place of a pointer. See test_null.c. */
#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void runs(void **state)
{
    (void)state;
    tn_run *run = NULL;
    tn_run_orders orders;
    const tn_batch batch = {0};
    char *text = NULL;
    double sum;
    int64_t count;
    REFUSES(tn_plan_see_sum(NULL, (tn_value){0}, &sum, &count), "plan");
    REFUSES(tn_run_open(NULL, &(tn_run_opts){0}), "out");
    REFUSES(tn_run_open(&run, NULL), "opts");
    REFUSES(tn_run_open(&run, &(tn_run_opts){0}), "opts.plan");
    REFUSES(tn_run_open(&run, &(tn_run_opts){.folder = "x"}), "opts.config");
    REFUSES(tn_run_open(&run, &(tn_run_opts){.folder = "x", .config = "{}"}), "opts.plan");
    REFUSES(tn_run_batch(NULL, &batch), "run");
    REFUSES(tn_run_validate(NULL, &batch), "run");
    REFUSES(tn_run_step(NULL, 0, &orders), "run");
    REFUSES(tn_run_log(NULL, "a", 0), "run");
    REFUSES(tn_run_scores(NULL, NULL, NULL), "run");
    REFUSES(tn_run_epoch(NULL, NULL, NULL), "run");
    REFUSES(tn_run_evaluated(NULL, NULL), "run");
    REFUSES(tn_run_save(NULL), "run");
    REFUSES(tn_run_back(NULL, 1), "run");
    REFUSES(tn_run_save_as(NULL, "x", false), "run");
    REFUSES(tn_run_event(NULL, "a", "{}"), "run");
    REFUSES(tn_run_keep(NULL, "a", "b"), "run");
    REFUSES(tn_run_close(NULL, TN_RUN_DONE, NULL), "run");
    REFUSES(tn_run_config(NULL, &text), "folder");
    REFUSES(tn_run_config("x", NULL), "out");
    assert_null(tn_run_trouble(NULL));
    assert_null(tn_run_kept(NULL, "a"));
    assert_int_equal(tn_run_epochs(NULL), 0);
    tn_run_position(NULL, NULL, NULL);
    assert_int_equal(tn_run_best_so_far(NULL).epoch, 0);
    assert_false(tn_run_current(NULL).stop);
    tn_run_signal(NULL, 2);
    tn_run_text_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
