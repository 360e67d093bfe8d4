/* NAME: against its formula in double. */
#include "graph/op.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_NAME(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_NAME_opts *o = r->opts;
    const double scale = o ? (double)o->scale : 1;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = scale * r->x[0][i];
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const tn_NAME_opts larger = {.scale = 2.5f}, smaller = {.scale = 0.5f};
    static const lab_case cases[] = {
        {.why = "small, all defaults", .x = {{{2, {2, 3}}}}},
        {.why = "a scale of its own", .x = {{{1, {37}}}}, .opts = &larger},
        {.why = "feature map", .x = {{{4, {2, 5, 7, 3}}}}, .opts = &smaller},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_NAME(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), &(tn_NAME_opts){.scale = -1});
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "scale -1 is below 0");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
