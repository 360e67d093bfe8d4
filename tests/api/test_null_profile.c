/* NULL in the functions of profile.h; see test_null.c. */
#include <tenon/profile.h>

#include "lab.h"

#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void profiles(void **state)
{
    (void)state;
    tn_profile *p = NULL;
    tn_profile_layer l;
    REFUSES(tn_profile_begin(NULL, NULL), "out");
    assert_ok(tn_profile_begin(&p, NULL));
    REFUSES(tn_profile_write(NULL, stdout), "profile");
    REFUSES(tn_profile_write(p, NULL), "to");
    REFUSES(tn_profile_layer_at(NULL, 0, &l), "profile");
    REFUSES(tn_profile_layer_at(p, 0, NULL), "out");
    assert_int_equal(tn_profile_num_layers(NULL), 0);
    assert_int_equal(tn_profile_spans(NULL), 0);
    assert_int_equal(tn_profile_lost(NULL), 0);
    tn_profile_stop(NULL);
    tn_profile_destroy(NULL);
    tn_profile_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(profiles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
