/* Every public function that reads or compares what runs wrote, with NULL in the place of each pointer. */
#include <math.h>

#include <tenon/runs.h>

#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void runs(void **state)
{
    (void)state;
    tn_run_info *info = NULL;
    tn_runs *list = NULL;
    tn_fields *f = NULL;
    REFUSES(tn_run_read(NULL, "x"), "out");
    REFUSES(tn_run_read(&info, NULL), "folder");
    REFUSES(tn_runs_list(NULL, "x"), "out");
    REFUSES(tn_runs_list(&list, NULL), "folder");
    REFUSES(tn_run_config_fields(NULL, "x"), "out");
    REFUSES(tn_run_config_fields(&f, NULL), "folder");
    assert_true(!info && !list && !f);
    assert_int_equal(tn_runs_count(NULL), 0);
    assert_null(tn_runs_at(NULL, 0));
    assert_int_equal(tn_fields_count(NULL), 0);
    assert_null(tn_fields_at(NULL, 0));
    assert_null(tn_fields_find(NULL, "a"));
    assert_null(tn_fields_text(NULL, "a"));
    assert_true(isnan(tn_fields_number(NULL, "a")));
    assert_string_equal(tn_runs_state_name((tn_runs_state)99), "unknown");
    tn_checkpoint_differences *d = NULL;
    REFUSES(tn_checkpoint_compare(NULL, "x", "x"), "out");
    REFUSES(tn_checkpoint_compare(&d, NULL, "x"), "a");
    REFUSES(tn_checkpoint_compare(&d, "x", NULL), "b");
    assert_int_equal(tn_checkpoint_differences_count(NULL, NULL), 0);
    assert_null(tn_checkpoint_differences_at(NULL, 0));
    tn_checkpoint_differences_close(NULL);
    tn_run_info_close(NULL);
    tn_runs_close(NULL);
    tn_fields_close(NULL);
}

static void series(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_series *s = NULL;
    tn_fields *f = NULL;
    tn_column column;
    tn_event event;
    REFUSES(tn_run_series(NULL, folder), "out");
    REFUSES(tn_run_series(&s, NULL), "folder");
    assert_null(s);
    REFUSES(tn_series_update(NULL, NULL), "series");
    REFUSES(tn_series_fields(NULL, 0, &f), "series");
    assert_int_equal(tn_series_num_columns(NULL), 0);
    assert_false(tn_series_column(NULL, 0, &column));
    assert_false(tn_series_find(NULL, "step", "loss", &column));
    assert_int_equal(tn_series_num_events(NULL), 0);
    assert_false(tn_series_event(NULL, 0, &event));
    assert_int_equal(tn_series_torn(NULL), 0);
    tn_series_close(NULL);

    assert_ok(tn_run_series(&s, folder)); /* a log that is not there yet */
    REFUSES(tn_series_fields(s, 0, NULL), "out");
    assert_ok(tn_series_update(s, NULL));
    assert_false(tn_series_find(s, NULL, "loss", &column));
    assert_false(tn_series_find(s, "step", NULL, &column));
    assert_false(tn_series_find(s, "step", "loss", NULL));
    assert_false(tn_series_column(s, 0, NULL));
    assert_false(tn_series_event(s, 0, NULL));
    tn_series_close(s);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs), cmocka_unit_test(series)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
