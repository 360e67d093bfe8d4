/* tanh: against its formula in double, over shapes and layouts. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_tanh(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = tanh(r->x[0][i]);
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_activation(&op);
}

static void any_layout_will_do(void **unused)
{
    (void)unused;
    lab_check_activation_in_blocks(&op);
}

static void refuses(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_tanh(g, tn_input(g, "x", TN_U8, TN_SHAPE(2, 3)), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "input 0 is u8, not f32");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(any_layout_will_do),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
