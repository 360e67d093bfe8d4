/* NULL where something is needed, in all that quantises. */
#include <string.h>

#include <tenon/tenon.h>

#include "lab.h"

static void layers_of_no_graph(void **state)
{
    (void)state;
    const tn_value none = {0};
    assert_int_equal(tn_fake_quant(NULL, none, none, NULL).id, 0);
    assert_non_null(strstr(tn_error(), "a graph that is NULL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_no_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
