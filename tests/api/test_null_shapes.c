/*
 * NULL in layers that find elements, as test_null.c has it.
 */
#include <string.h>

#include "lab.h"

static void layers(void **state)
{
    (void)state;
    const tn_value x = {1};
    const tn_value made[] = {tn_gather(NULL, x, x, NULL), tn_top_k(NULL, x, NULL).values,
                             tn_top_k(NULL, x, NULL).indices, tn_argmax(NULL, x, NULL),
                             tn_nll(NULL, x, x, x, NULL).losses};
    for (size_t i = 0; i < TN_COUNT(made); i++)
        assert_int_equal(made[i].id, 0);
    assert_non_null(strstr(tn_error(), "a graph that is NULL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
